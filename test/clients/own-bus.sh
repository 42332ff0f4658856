# sourced first by the checks of clients that want a session bus: runs the script again on a bus of its own, with a home of its
# own, and puts away what stays behind. Then goes on in the script, with SCENE set to its folder.
#   on_own_bus "$@"
on_own_bus() {
  [ -z "$SCENE" ] || return 0
  export SCENE; SCENE=$(mktemp -d "${TMPDIR:-/tmp}/busscene.XXXXXX")
  export HOME=$SCENE/home XDG_RUNTIME_DIR=$SCENE/run
  mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"
  local rc left point
  dbus-run-session -- "$0" "$@" 2>"$SCENE/said"; rc=$?
  # daemons leave with their bus; one that doesn't is known by its environment
  for _ in $(seq 20); do
    left=$(grep -lszF "XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR" /proc/[0-9]*/environ | cut -d/ -f3 | grep -vxE "$$|$BASHPID")
    [ -z "$left" ] && break
    sleep 0.1
  done
  [ -z "$left" ] || kill $left 2>/dev/null
  point=$XDG_RUNTIME_DIR/gvfs
  mountpoint -q "$point" && umount -l "$point"
  [ $rc = 0 ] || tail -n 20 "$SCENE/said" >&2
  rm -rf "$SCENE"; exit $rc
}
