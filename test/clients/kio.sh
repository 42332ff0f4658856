#!/bin/bash
# kio (KDE: Dolphin, Kate and the others), driven by kioclient5: copies a tree up and down, lists, overwrites, copies, moves
# and removes there.
#   kio.sh URL      packages kio kde-cli-tools dbus; a server that asks for no password, because kioclient5 has nobody to ask
# Its workers want a session bus.
export QT_QPA_PLATFORM=offscreen KDE_FORK_SLAVES=1
. "$(dirname "$0")/own-bus.sh"; on_own_bus "$@"
. "$(dirname "$0")/lib.sh"
need kioclient5 "apt-get install kio kde-cli-tools"
need dbus-run-session "apt-get install dbus"
BIG=${DAV_BIG:-20971520}
cleanup() { [ -n "$DAV_KEEP" ] || rm -rf "$W"; }
trap cleanup EXIT
case $URL in https://*) SHARE=webdavs://${URL#https://};; *) SHARE=webdav://${URL#http://};; esac
L=$W/kio-$TAG; mkdir -p "$L"
# it says on standard output what is wrong, and keeps what it is given on standard input open
K() { timeout -k 5 120 kioclient5 --noninteractive "$@" </dev/null; }
no() { ! "$@"; }
at() { echo "${SHARE}kio-$TAG/$(escaped "$1")"; }
file() { echo "file://$(escaped "$1")"; }
here() { (cd "$L" && "$@"); }
same() { rm -rf "${W:?}/back"; mkdir "$W/back" && K copy "${SHARE}kio-$TAG" "$(file "$W/back")" || return 1
  sums "$L" > "$W/want" && sums "$W/back/kio-$TAG" > "$W/got" && diff "$W/want" "$W/got"; }
listed() { local d; (cd "$L" && find . -mindepth 1 -type d | sed 's,^\./,,') | sort > "$W/dirs"
  while IFS= read -r d; do
    ls -A "$L/$d" | sort > "$W/want"; K ls "$(at "$d")" | grep -vxF -e . -e '' | sort > "$W/got"
    diff "$W/want" "$W/got" || { echo "in $d"; return 1; }
  done < "$W/dirs"; }

mktree "$L/tree"
step "ls of the root" K ls "$SHARE" || finish
step "copy a tree up (spaces, unicode, % # & + names)" K copy "$(file "$L")" "$SHARE"
step "ls gives every name" listed
step "copy it down: the same bytes" same
catted() { cmp <(K cat "$(at 'tree/names/hash #1.txt')") "$L/tree/names/hash #1.txt"; }
step "cat" catted
statted() { K stat "$(at tree/size-4097.bin)" | grep -E '^ *SIZE' | grep -q 4097; }
step "stat gives the size" statted
step "stat of what is not there fails" no K stat "$(at tree/nothing)"
put() { head -c "$2" "$L/tree/size-1000003.bin" > "$W/new" && K --overwrite copy "$(file "$W/new")" "$(at "$1")" && cp "$W/new" "$L/$1"; }
step "copy over: shorter" put tree/size-131072.bin 10
step "copy over: longer" put tree/size-4095.bin 300000
step "copy over: empty" put tree/size-131071.bin 0
kept() { no K copy "$(file "$W/new")" "$(at tree/size-4097.bin)" && cmp <(K cat "$(at tree/size-4097.bin)") "$L/tree/size-4097.bin"; }
step "copy onto a name that is taken is refused" kept
copied() { K copy "$(at tree/size-262144.bin)" "$(at 'tree/copy é #.bin')" && here cp tree/size-262144.bin 'tree/copy é #.bin'; }
step "copy there (COPY)" copied
copieddir() { K copy "$(at tree/names)" "$(at 'tree/names ü')" && here cp -r tree/names 'tree/names ü'; }
step "copy of a directory there" copieddir
renamed() { K move "$(at tree/size-1.bin)" "$(at 'tree/one #1 ü.bin')" && here mv tree/size-1.bin 'tree/one #1 ü.bin'; }
step "rename a file (MOVE)" renamed
renameddir() { K move "$(at tree/many)" "$(at 'tree/many & 100%')" && here mv tree/many 'tree/many & 100%'; }
step "rename a directory with content" renameddir
moved() { K move "$(at 'tree/names/a&b.txt')" "$(at 'tree/deep/')" && here mv 'tree/names/a&b.txt' tree/deep/; }
step "move a file into another directory" moved
# (with --overwrite, too: kio sends Overwrite: F with every MOVE)
unmoved() { no K move "$(at tree/size-4096.bin)" "$(at tree/size-4097.bin)" && no K --overwrite move "$(at tree/size-4096.bin)" "$(at tree/size-4097.bin)"; }
step "move onto a name that is taken is refused" unmoved
moveddown() { K move "$(at tree/size-131073.bin)" "$(file "$W/down.bin")" && cmp "$W/down.bin" "$L/tree/size-131073.bin" && here rm tree/size-131073.bin; }
step "move a file from there to here" moveddown
removed() { K remove "$(at 'tree/names/100% sure.txt')" && here rm 'tree/names/100% sure.txt'; }
step "remove a file" removed
removeddir() { K remove "$(at 'tree/many & 100%')" && here rm -r 'tree/many & 100%'; }
step "remove a directory with content" removeddir
big() { head -c "$BIG" /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0102030405060708090a0b0c0d0e0f10 \
  > "$L/tree/big.bin" && K copy "$(file "$L/tree/big.bin")" "$(at tree/)"; }
step "large file of $BIG bytes" big
step "ls after all changes" listed
step "same bytes after all changes" same
[ -n "$DAV_KEEP" ] || step "remove everything" K remove "${SHARE}kio-$TAG"
[ -n "$DAV_KEEP" ] || step "it is gone" no K stat "${SHARE}kio-$TAG"
finish
