#!/bin/bash
# Two WebDAV libraries of Python, webdav4 (httpx) and webdavclient3 (requests), with the calls that their users have.
#   python.sh URL [USER [PASSWORD]]      makes a venv of its own the first time: $PYTHON_DAV_VENV or below ~/.cache
. "$(dirname "$0")/lib.sh"
need python3 "apt-get install python3 python3-venv"
VENV=${PYTHON_DAV_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/python-dav-venv-1}
trap 'rm -rf "$W"' EXIT
if [ ! -e "$VENV/ready" ]; then
  { python3 -m venv "$VENV" && "$VENV/bin/pip" -q install webdav4==0.11.0 webdavclient3==3.14.7 && touch "$VENV/ready"; } >"$W/log" 2>&1 ||
    { echo "FAIL the venv could not be made: $(tail -n 2 "$W/log")"; echo "PASS 0 FAIL 1"; exit 1; }
fi
exec "$VENV/bin/python" "$(dirname "$0")/python-dav.py" "$URL" "$USER_" "$PASS_" "$W"
