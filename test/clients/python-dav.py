#!/usr/bin/env python3
"""The WebDAV libraries that Python programs use: webdav4 (with fsspec) and webdavclient3, each with the calls its users have.

python-dav.py URL [USER [PASSWORD]]     one line a step, at the end PASS n FAIL m
The libraries come from the package index into a venv of their own in the user's cache, which is made once.
"""
import fcntl, hashlib, io, os, random, shutil, subprocess, sys, tempfile, time

PINS = ("webdav4[fsspec]==0.11.0", "webdavclient3==3.14.7")
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tahoe-webdav-test")
VENV = os.path.join(CACHE, "python-dav-" + hashlib.sha256(" ".join(PINS).encode()).hexdigest()[:12])
PYTHON = os.path.join(VENV, "bin", "python")


def ensure_venv():
    os.makedirs(CACHE, exist_ok=True)
    with open(VENV + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at once: one makes it, one waits
        done = os.path.join(VENV, "done")
        if not os.path.exists(done):
            subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
            subprocess.run([PYTHON, "-m", "pip", "--no-input", "-q", "install", *PINS], check=True)
            open(done, "w").close()


if sys.prefix != VENV:
    ensure_venv()
    os.execv(PYTHON, [PYTHON, *sys.argv])

import webdav4.client
from webdav3.client import Client as Client3
from webdav3.exceptions import LocalResourceNotFound, RemoteResourceNotFound, ResourceLocked, ResponseErrorCode
from webdav4.fsspec import WebdavFileSystem

url, user, password = (sys.argv[1:] + ["", ""])[:3]
passed = failed = 0
tag = "%x%x" % (int(time.time()), os.getpid())
NAMES = ("two words.txt", "100% sure.txt", "hash #1.txt", "ünï cödé 日本語.txt", "a&b+c=d.txt", "what?.txt", "%41.txt", "semi;colon.txt")


def content(size):
    return random.Random(size).randbytes(size)


def step(name, work):
    """One line; what a step raises is its failure."""
    global passed, failed
    try:
        work()
        passed += 1
        print("ok   " + name, flush=True)
    except Exception as error:
        failed += 1
        print("FAIL %s: %s: %s" % (name, type(error).__name__, str(error)[:300]), flush=True)


def equal(got, want):
    if got != want:
        raise AssertionError("got %s, want %s" % (repr(got)[:140], repr(want)[:140]))


def refused(kinds, work, *args, **more):
    try:
        work(*args, **more)
    except kinds:
        return
    raise AssertionError("it was not refused")


def written(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return path


def read(path):
    with open(path, "rb") as f:
        return f.read()


def with_webdav4(local):
    dav = webdav4.client.Client(url, auth=(user, password) if user else None, timeout=60)
    top = "webdav4-%s" % tag
    at = lambda name: top + "/" + name
    # it takes a path as it stands in a URL: it refuses # and ?, and sends % as it is
    plain = [name for name in NAMES if not any(c in name for c in "#?%")]

    def text(name):
        with dav.open(at(name), "rb") as f:
            return f.read()

    def connects():
        equal({"1", "2"} - dav.options(), set())
        equal(dav.detected_features.supports_ranges, True)

    def wrong_password():
        other = webdav4.client.Client(url, auth=(user, password + "x"))
        refused(webdav4.client.HTTPError, other.ls, "", detail=False)

    def mkdir():
        dav.mkdir(top)
        dav.mkdir(at("sub dir ü"))
        refused(webdav4.client.ResourceAlreadyExists, dav.mkdir, top)
        refused(webdav4.client.ResourceConflict, dav.mkdir, at("nothing/below"))

    def upload():
        for size in (0, 1, 100, 131073, 1000003):
            dav.upload_file(written(os.path.join(local, "up"), content(size)), at("size-%d.bin" % size), chunk_size=65536)
            dav.download_file(at("size-%d.bin" % size), os.path.join(local, "back"))
            equal(read(os.path.join(local, "back")), content(size))
        refused(webdav4.client.ResourceAlreadyExists, dav.upload_file, os.path.join(local, "up"), at("size-1.bin"))

    def objects():
        dav.upload_fileobj(io.BytesIO(content(5000)), at("object.bin"))
        dav.upload_fileobj(io.BytesIO(content(6000)), at("object.bin"), overwrite=True)
        into = io.BytesIO()
        dav.download_fileobj(at("object.bin"), into)
        equal(into.getvalue(), content(6000))

    def names():
        for name in plain:
            dav.upload_fileobj(io.BytesIO(name.encode()), at("sub dir ü/" + name))
            equal(text("sub dir ü/" + name), name.encode())
        equal(sorted(dav.ls(at("sub dir ü"), detail=False)), sorted(at("sub dir ü/" + name) for name in plain))

    def ls():
        found = {entry["name"]: (entry["type"], entry["content_length"]) for entry in dav.ls(top)}
        equal(found[at("size-131073.bin")], ("file", 131073))
        equal(found[at("sub dir ü")][0], "directory")
        equal(len(found), 7)

    def info():
        said = dav.info(at("size-100.bin"))
        equal((said["type"], said["content_length"]), ("file", 100))
        if not said["etag"] or abs(said["modified"].timestamp() - time.time()) > 900 or abs(said["created"].timestamp() - time.time()) > 900:
            raise AssertionError(said)
        equal((dav.content_length(at("size-1.bin")), dav.etag(at("size-100.bin"))), (1, said["etag"]))
        equal(dav.content_type(at("sub dir ü/two words.txt")).split(";")[0], "text/plain")

    def exists():
        equal([dav.exists(at(name)) for name in ("size-1.bin", "sub dir ü", "nothing", "no/thing")], [True, True, False, False])
        equal([dav.isfile(at("size-1.bin")), dav.isdir(at("sub dir ü")), dav.isdir(at("size-1.bin"))], [True, True, False])
        refused(webdav4.client.ResourceNotFound, dav.info, at("nothing"))

    def ranges():
        with dav.open(at("size-1000003.bin"), mode="rb") as f:
            f.seek(130000)
            equal(f.read(3000), content(1000003)[130000:133000])
            f.seek(-10, io.SEEK_END)
            equal(f.read(), content(1000003)[-10:])
        dav.upload_fileobj(io.BytesIO("eins\nzwei ü\n".encode()), at("lines.txt"))
        with dav.open(at("lines.txt"), encoding="utf-8") as f:
            equal(list(f), ["eins\n", "zwei ü\n"])

    def move():
        dav.move(at("size-1.bin"), at("sub dir ü/moved 1.bin"))
        equal([dav.exists(at("size-1.bin")), text("sub dir ü/moved 1.bin")], [False, content(1)])
        refused(webdav4.client.ResourceAlreadyExists, dav.move, at("size-100.bin"), at("object.bin"))
        dav.move(at("size-100.bin"), at("object.bin"), overwrite=True)
        equal(text("object.bin"), content(100))
        dav.move(at("sub dir ü"), at("dir moved"))
        equal(len(dav.ls(at("dir moved"), detail=False)), len(plain) + 1)

    def copy():
        dav.copy(at("object.bin"), at("copy & é.bin"))
        equal([text("copy & é.bin"), text("object.bin")], [content(100)] * 2)
        refused(webdav4.client.ResourceAlreadyExists, dav.copy, at("size-131073.bin"), at("copy & é.bin"))
        dav.copy(at("size-131073.bin"), at("copy & é.bin"), overwrite=True)
        equal(text("copy & é.bin"), content(131073))
        dav.copy(at("dir moved"), at("dir copied"))
        equal(len(dav.ls(at("dir copied"), detail=False)), len(plain) + 1)

    def remove():
        dav.remove(at("copy & é.bin"))
        dav.remove(at("dir copied"))
        equal([dav.exists(at("copy & é.bin")), dav.exists(at("dir copied")), dav.exists(at("dir moved"))], [False, False, True])
        refused(webdav4.client.ResourceNotFound, dav.remove, at("copy & é.bin"))

    def files():
        fs = WebdavFileSystem(url, auth=(user, password) if user else None)
        fs.makedirs(at("fs/a/b"), exist_ok=True)
        with fs.open(at("fs/a/b/written.bin"), "wb") as f:
            for _ in range(10):
                f.write(content(10000))
        with fs.open(at("fs/a/b/written.bin"), "rb") as f:
            equal(f.read(), content(10000) * 10)
        fs.pipe_file(at("fs/a/x ü.txt"), b"piped")
        equal([fs.cat(at("fs/a/x ü.txt")), fs.size(at("fs/a/b/written.bin"))], [b"piped", 100000])
        equal(sorted(fs.find(at("fs"))), [at("fs/a/b/written.bin"), at("fs/a/x ü.txt")])
        fs.put(written(os.path.join(local, "tree", "c", "d.txt"), b"deep").rsplit("/", 2)[0], at("fs/tree"), recursive=True)
        equal(fs.cat(at("fs/tree/c/d.txt")), b"deep")
        fs.mv(at("fs/tree"), at("fs/tree 2"), recursive=True)
        fs.get(at("fs/tree 2"), os.path.join(local, "tree back"), recursive=True)
        equal(read(os.path.join(local, "tree back", "c", "d.txt")), b"deep")
        fs.rm(at("fs"), recursive=True)
        equal(dav.exists(at("fs")), False)

    def gone():
        dav.remove(top)
        equal([dav.exists(top), top in dav.ls("", detail=False)], [False, False])

    step("webdav4: options", connects)
    if user:
        step("webdav4: a wrong password is refused", wrong_password)
    for work in (mkdir, upload, objects, names, ls, info, exists, ranges, move, copy, remove, files, gone):
        step("webdav4: " + work.__name__, work)


def with_webdavclient3(local):
    at_root = url.index("/", url.index("://") + 3)
    options = {"webdav_hostname": url[:at_root], "webdav_root": url[at_root:], "webdav_login": user or None, "webdav_password": password or None, "webdav_timeout": 60}
    dav = Client3(options)
    top = "webdavclient3-%s" % tag
    at = lambda name: top + "/" + name

    def text(name):
        into = io.BytesIO()
        dav.download_from(into, at(name))
        return into.getvalue()

    def mkdir():
        dav.mkdir(top)
        dav.mkdir(at("deep/a b/ü"), recursive=True)
        equal([dav.check(at("deep/a b/ü")), dav.is_dir(at("deep"))], [True, True])

    def upload():
        for size in (0, 1, 100, 131073, 1000003):
            dav.upload_sync(at("size-%d.bin" % size), written(os.path.join(local, "up"), content(size)))
            dav.download_sync(at("size-%d.bin" % size), os.path.join(local, "back"))
            equal(read(os.path.join(local, "back")), content(size))
        refused(LocalResourceNotFound, dav.upload_sync, at("x"), os.path.join(local, "nothing"))
        refused(RemoteResourceNotFound, dav.download_sync, at("nothing"), os.path.join(local, "back"))

    def buffers():
        dav.upload_to(content(7000), at("buffer.bin"))
        dav.upload_to(content(300), at("buffer.bin"))
        equal(text("buffer.bin"), content(300))

    def asynchronous():
        done = []
        dav.upload_async(at("async.bin"), written(os.path.join(local, "async"), content(4000)), callback=lambda: done.append(1))
        for _ in range(200):
            if not done:
                time.sleep(0.05)
        equal([len(done), text("async.bin")], [1, content(4000)])

    def names():
        for name in NAMES:
            dav.upload_to(name.encode(), at("deep/" + name))
            equal(text("deep/" + name), name.encode())
        equal(sorted(dav.list(at("deep"))), sorted([*NAMES, "a b/"]))

    def listing():
        said = {os.path.basename(entry["path"].rstrip("/")): entry for entry in dav.list(top, get_info=True)}
        equal((said["size-131073.bin"]["size"], said["size-131073.bin"]["isdir"], said["deep"]["isdir"]), ("131073", False, True))

    def tree():
        source = os.path.join(local, "tree")
        for name in ("one.txt", "sub #1/two ä.txt", "sub #1/sub/three.bin"):
            written(os.path.join(source, name), name.encode() * 100)
        dav.upload(at("tree"), source)
        dav.download(at("tree"), os.path.join(local, "tree back"))
        for name in ("one.txt", "sub #1/two ä.txt", "sub #1/sub/three.bin"):
            equal(read(os.path.join(local, "tree back", name)), name.encode() * 100)

    def pushed_and_pulled():
        source = os.path.join(local, "tree")
        written(os.path.join(source, "later.txt"), b"later")
        equal([dav.push(at("tree"), source), text("tree/later.txt")], [True, b"later"])
        dav.upload_to(b"from there", at("tree/there.txt"))
        dav.pull(at("tree"), source)
        equal(read(os.path.join(source, "there.txt")), b"from there")

    def info():
        said = dav.info(at("size-100.bin"))
        equal(said["size"], "100")
        if not (said["etag"] and said["modified"] and said["created"]):
            raise AssertionError(said)
        equal([dav.check(at("size-1.bin")), dav.check(at("nothing"))], [True, False])
        equal([dav.is_dir(at("deep")), dav.is_dir(at("size-1.bin"))], [True, False])
        refused(RemoteResourceNotFound, dav.info, at("nothing"))

    def free():
        if int(dav.free()) <= 0:
            raise AssertionError("no free space")

    def properties():
        dav.set_property(at("size-100.bin"), {"namespace": "http://example.org/ns", "name": "colour", "value": "blue & grün"})
        equal(dav.get_property(at("size-100.bin"), {"namespace": "http://example.org/ns", "name": "colour"}), "blue & grün")

    def move():
        dav.move(at("size-1.bin"), at("deep/moved #1.bin"))
        equal([dav.check(at("size-1.bin")), text("deep/moved #1.bin")], [False, content(1)])
        refused(ResponseErrorCode, dav.move, at("size-131073.bin"), at("buffer.bin"))
        dav.move(at("size-100.bin"), at("buffer.bin"), overwrite=True)
        equal(text("buffer.bin"), content(100))

    def copy():
        dav.copy(at("buffer.bin"), at("copy é.bin"))
        equal([text("copy é.bin"), text("buffer.bin")], [content(100)] * 2)
        # without the depth it asks for 1, which no COPY may (RFC 4918, 9.8.3); Apache refuses it as well
        dav.copy(at("tree"), at("tree copied"), depth="infinity")
        equal(text("tree copied/sub #1/sub/three.bin"), b"sub #1/sub/three.bin" * 100)

    def locked():
        # it sends the lock's token with every request, so its own HEAD of the folder before an upload fails (412)
        unasked = Client3({**options, "disable_check": True})
        with unasked.lock(at("buffer.bin"), timeout=60) as holder:
            refused(ResourceLocked, dav.upload_to, b"other", at("buffer.bin"))
            holder.upload_to(b"holder's", at("buffer.bin"))
        dav.upload_to(b"free again", at("buffer.bin"))
        equal(text("buffer.bin"), b"free again")

    def resource():
        one = dav.resource(at("resource ü.txt"))
        one.read_from(b"by resource")
        equal([one.check(), one.is_dir(), one.info()["size"]], [True, False, "11"])
        into = io.BytesIO()
        one.write_to(into)
        equal(into.getvalue(), b"by resource")
        one.rename("renamed #2.txt")
        one.copy(at("resource copy.txt"))
        one.move(at("deep/resource.txt"))
        equal([text("deep/resource.txt"), text("resource copy.txt"), dav.check(at("renamed #2.txt"))], [b"by resource"] * 2 + [False])
        one.clean()
        equal(dav.check(at("deep/resource.txt")), False)

    def remove():
        dav.clean(at("buffer.bin"))
        dav.clean(at("tree"))
        equal([dav.check(at("buffer.bin")), dav.check(at("tree")), dav.check(at("deep"))], [False, False, True])

    def gone():
        dav.clean(top)
        equal(dav.check(top), False)

    for work in (mkdir, upload, buffers, asynchronous, names, listing, tree, pushed_and_pulled, info, free, properties, move, copy,
                 locked, resource, remove, gone):
        step("webdavclient3: " + work.__name__.replace("_", " "), work)


def main():
    local = tempfile.mkdtemp(prefix="davcheck.")
    try:
        for name, suite in (("4", with_webdav4), ("3", with_webdavclient3)):
            suite(os.path.join(local, name))
    finally:
        shutil.rmtree(local, ignore_errors=True)
    print("PASS %d FAIL %d" % (passed, failed))
    return 0 if passed and not failed else 1


sys.exit(main())
