#!/bin/bash
# gvfs (GNOME's Files and every program that uses GIO), driven by gio: mount with a password, copy up and down, list, save
# by etag, copy, rename, move, remove, free space; the same files through its FUSE view; mount afresh, compare.
#   gvfs.sh URL [USER [PASSWORD]]      packages gvfs gvfs-backends gvfs-fuse libglib2.0-bin dbus
# gvfsd answers on a session bus.
export GSETTINGS_BACKEND=memory
. "$(dirname "$0")/own-bus.sh"; on_own_bus "$@"
. "$(dirname "$0")/lib.sh"
need gio "apt-get install libglib2.0-bin gvfs gvfs-backends gvfs-fuse"
need dbus-run-session "apt-get install dbus"
BIG=${DAV_BIG:-20971520}
cleanup() { [ -n "$DAV_KEEP" ] || rm -rf "$W"; }
trap cleanup EXIT
L=$W/local; mkdir -p "$L"
case $URL in https://*) SCHEME=davs;; *) SCHEME=dav;; esac
SHARE=$SCHEME://${USER_:+$USER_@}${URL#*://}
T=${SHARE}gvfs-$TAG
G() { timeout "$LIMIT" gio "$@"; }
no() { ! "$@"; }
# at NAME: the location of a name below our folder
at() { echo "$T/$(escaped "$1")"; }
attr() { G info -a "$2" "$(at "$1")" | sed -n "s/^ *$2: //p"; }
domount() { if [ -n "$USER_" ]; then printf '%s\n' "$PASS_" | G mount "$SHARE"; else G mount "$SHARE" </dev/null; fi; }
isthere() { G mount -l | grep -qF -- "-> $SHARE" || G mount -l | grep -qF -- "-> ${SHARE%/}"; }
wrongpass() { ! printf 'wrong %s\n' "$TAG" | G mount "$SHARE" && ! isthere; }
fresh() { G mount -u "$SHARE" && ! isthere && domount; }

# up FOLDER, down FOLDER: all files of it, one gio for each folder
up() { local d; (cd "$L" && find "$1" -type d) | sort > "$W/dirs"
  while IFS= read -r d; do G mkdir "$(at "$d")" || return 1
    mapfile -d '' files < <(find "$L/$d" -maxdepth 1 -type f -print0)
    [ ${#files[@]} = 0 ] || G copy "${files[@]}" "$(at "$d")/" || return 1
  done < "$W/dirs"; }
down() { local d f uris; rm -rf "${W:?}/back"; (cd "$L" && find . -type d | sed 's,^\./*,,') | sort > "$W/dirs"
  while IFS= read -r d; do mkdir -p "$W/back/$d"; uris=()
    while IFS= read -r -d '' f; do uris+=("$(at "${d:+$d/}$f")"); done < <(find "$L/$d" -maxdepth 1 -type f -printf '%f\0')
    [ ${#uris[@]} = 0 ] || G copy "${uris[@]}" "$W/back/$d/" || return 1
  done < "$W/dirs"; }
same() { down && sums "$L" > "$W/want" && sums "$W/back" > "$W/got" && diff "$W/want" "$W/got"; }
# names, kinds and sizes of every folder: nothing is missing, nothing is too much
listed() { local d; (cd "$L" && find . -mindepth 1 -type d | sed 's,^\./,,') | sort > "$W/dirs"
  while IFS= read -r d; do
    find "$L/$d" -mindepth 1 -maxdepth 1 \( -type d -printf '%f\t0\t(directory)\n' -o -printf '%f\t%s\t(regular)\n' \) | sort > "$W/want"
    G list -l -h "$(at "$d")" | cut -f1-3 | sort > "$W/got"
    diff "$W/want" "$W/got" || { echo "in $d"; return 1; }
  done < "$W/dirs"; }
# what is done there is done here too: at the end both must agree
here() { (cd "$L" && "$@"); }

[ -z "$USER_" ] || step "mount with a wrong password is refused" wrongpass
step "mount" domount || finish
step "it is among the mounts" isthere
space() { local free; free=$(G info -f "$SHARE" | sed -n 's/^ *filesystem::free: //p'); [ "${free:-0}" -gt 0 ] || { echo "free: $free"; return 1; }; }
step "free space (quota properties)" space
step "mkdir" G mkdir "$T"
step "mkdir of what is there is refused" no G mkdir "$T"
# (not gio mkdir -p: it goes by "no such file", and what is missing above a new collection is a 409 in WebDAV)
parents() { local d; for d in über 'über/100% sure' 'über/100% sure/hash #1'; do G mkdir "$(at "$d")" && here mkdir "$d" || return 1; done; }
step "mkdir within (umlauts, % and #)" parents
mktree "$L/tree"
step "copy a tree up (spaces, unicode, % # & + names)" up tree
step "list gives every name with its kind and size" listed
step "copy it down: the same bytes" same
step "cat" bash -c 'cmp <(timeout 60 gio cat "$1") "$2"' - "$(at tree/size-4097.bin)" "$L/tree/size-4097.bin"
kind() { [ "$(attr 'tree/names/hash #1.txt' standard::content-type)" = text/plain ]; }
step "content type" kind
mt() { local t now; t=$(attr tree/size-1.bin time::modified); now=$(date +%s); [ $((now - t)) -lt 900 ] && [ $((t - now)) -lt 900 ]; }
step "modification time is now" mt
step "info of what is not there fails" no G info "$(at tree/nothing)"

byetag() { local tag; tag=$(attr tree/size-100.bin etag::value); [ -n "$tag" ] || { echo 'no etag'; return 1; }
  echo first | G save -e "$tag" "$(at tree/size-100.bin)" && echo first > "$L/tree/size-100.bin" || return 1
  ! echo second | G save -e "$tag" "$(at tree/size-100.bin)" && [ "$(G cat "$(at tree/size-100.bin)")" = first ] || { echo 'saved over a change'; return 1; }
  [ "$(attr tree/size-100.bin etag::value)" != "$tag" ]; }
step "save by etag; with the old etag it is refused" byetag
save() { head -c "$2" "$L/tree/size-1000003.bin" > "$W/new" && G save "$(at "$1")" < "$W/new" && cp "$W/new" "$L/$1"; }
step "save over: shorter" save tree/size-131072.bin 10
step "save over: longer" save tree/size-4095.bin 300000
step "save: empty" save tree/size-131071.bin 0
step "save: new" save 'tree/new & ä.txt' 20
create() { ! echo other | G save -c "$(at tree/size-1.bin)"; }
step "save as a new file never replaces" create
copied() { G copy "$(at tree/size-262144.bin)" "$(at 'tree/copy %41 é.bin')" && here cp tree/size-262144.bin 'tree/copy %41 é.bin'; }
step "copy there (COPY)" copied
copyover() { G copy "$(at tree/size-131073.bin)" "$(at tree/size-4096.bin)" && here cp tree/size-131073.bin tree/size-4096.bin; }
step "copy over an existing file" copyover
renamed() { G rename "$(at tree/size-1.bin)" 'one #1 ü.bin' && here mv tree/size-1.bin 'tree/one #1 ü.bin'; }
step "rename a file" renamed
renameddir() { G rename "$(at tree/many)" 'many & more' && here mv tree/many 'tree/many & more'; }
step "rename a directory with content" renameddir
step "rename onto a name that is taken is refused" no G rename "$(at 'tree/one #1 ü.bin')" size-0.bin
moved() { G move "$(at 'tree/names/a&b.txt')" "$(at 'tree/deep/a/a&b moved.txt')" && here mv 'tree/names/a&b.txt' 'tree/deep/a/a&b moved.txt'; }
step "move a file to another directory" moved
moveddir() { G move -C -T "$(at 'tree/deep')" "$(at 'über/deep')" && here mv tree/deep über/deep; }
step "move a directory to another directory" moveddir
moveover() { G move "$(at 'tree/names/a+b=c.txt')" "$(at tree/size-0.bin)" && here mv 'tree/names/a+b=c.txt' tree/size-0.bin; }
step "move over an existing file" moveover
removed() { G remove "$(at 'tree/names/100% sure.txt')" "$(at tree/names/what?.txt)" && here rm 'tree/names/100% sure.txt' 'tree/names/what?.txt'; }
step "remove files" removed
step "remove of a full directory is refused" no G remove "$(at tree/names)"
rmempty() { G remove "$(at 'tree/empty dir')" && here rmdir 'tree/empty dir'; }
step "remove an empty directory" rmempty
step "list after all changes" listed
big() { head -c "$BIG" /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0102030405060708090a0b0c0d0e0f10 \
  > "$L/tree/big.bin" && timeout 180 gio copy "$L/tree/big.bin" "$(at tree/big.bin)"; }
step "large file of $BIG bytes" big

# ---- the FUSE view, which programs without GIO see ----------------------------
if [ -w /dev/fuse ]; then
  view() { local d; for _ in $(seq 50); do d=$(find "$XDG_RUNTIME_DIR/gvfs" -mindepth 1 -maxdepth 1 2>/dev/null); [ -n "$d" ] && break; sleep 0.1; done
    [ -d "$d/gvfs-$TAG" ] && ln -sfn "$d/gvfs-$TAG" "$W/view"; }
  if step "FUSE view: the folder is in it" view; then
    # it uploads after close(2) has returned, so what was written is waited for before the next thing touches it
    settled() { for _ in $(seq 100); do cmp -s "$L/$1" "$W/view/$1" && return; sleep 0.1; done; echo "$1 did not arrive"; return 1; }
    both() { (cd "$W/view/" && timeout "$LIMIT" bash -c "$1") && (cd "$L" && bash -c "$1"); }
    fuse() { both "$1" && settled "$2"; }
    step "FUSE view: same bytes" bash -c 'cmp "$1/view/tree/big.bin" "$2/tree/big.bin" && diff <(ls -A "$1/view/tree/names") <(ls -A "$2/tree/names")' - "$W" "$L"
    step "FUSE view: write a new file" fuse 'echo text > "tree/by fuse #1.txt"' 'tree/by fuse #1.txt'
    step "FUSE view: write over" fuse 'head -c 5000 tree/big.bin > tree/size-131073.bin' tree/size-131073.bin
    step "FUSE view: mkdir, rename, delete" both 'mkdir "fuse ü" && mv "tree/by fuse #1.txt" "fuse ü/moved.txt" && rm "tree/names/hash #1.txt"'
    step "FUSE view: rename over" both 'mv -f "fuse ü/moved.txt" "tree/size-4097.bin" && rmdir "fuse ü"'
  fi
else
  echo "skip FUSE view: no /dev/fuse"
fi
step "unmount, mount again" fresh
step "list after mounting again" listed
step "same bytes after mounting again" same
removeall() { local d; (cd "$L" && find . -mindepth 1 -depth -printf '%P\0') > "$W/all"
  while IFS= read -r -d '' d; do at "$d"; done < "$W/all" > "$W/uris"; mapfile -t uris < "$W/uris"; timeout 180 gio remove "${uris[@]}" "$T"; }
[ -n "$DAV_KEEP" ] || step "remove everything" removeall
[ -n "$DAV_KEEP" ] || step "it is gone" no G info "$T"
step "unmount" G mount -u "$SHARE"
finish
