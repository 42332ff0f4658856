"""The steps of python.sh: URL, user, password and a folder for local files are its arguments."""
import io, os, sys

from webdav3.client import Client as Client3
from webdav3.exceptions import RemoteResourceNotFound, ResourceLocked, ResponseErrorCode
from webdav4.client import Client as Client4, ResourceAlreadyExists, ResourceNotFound

URL, USER, PASSWORD, WORK = sys.argv[1:]
NAMES = ["two words.txt", "ünï cödé 日本語.txt", "100% sure.txt", "hash #1.txt", "a&b+c=d.txt", "it's (1) [2].txt"]
CONTENT = bytes(range(256)) * 2000
passed = failed = 0


def step(name):
    def run(act):
        global passed, failed
        try:
            act()
            passed += 1
            print("ok   " + name)
        except Exception as error:
            failed += 1
            print("FAIL %s: %s %s" % (name, type(error).__name__, str(error)[:300]))
        return act
    return run


def same(found, expected):
    assert found == expected, "%r, not %r" % (found, expected)


def raises(kinds, act):
    try:
        act()
    except kinds:
        return
    raise AssertionError("it was not refused")


def local(name, data=CONTENT):
    path = os.path.join(WORK, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- webdav4
four = Client4(URL, auth=(USER, PASSWORD) if USER else None)


@step("webdav4: what the server can do")
def _():
    assert {"1", "2", "3"} <= set(four.options("")), four.options("")


@step("webdav4: mkdir, and refused where it stands")
def _():
    four.mkdir("py4")
    four.mkdir("py4/sub")
    raises(ResourceAlreadyExists, lambda: four.mkdir("py4"))
    raises(ResourceNotFound, lambda: four.ls("py4/none"))


@step("webdav4: upload and download a file")
def _():
    four.upload_file(local("up.bin"), "py4/file.bin")
    four.download_file("py4/file.bin", os.path.join(WORK, "down.bin"))
    same(read(os.path.join(WORK, "down.bin")), CONTENT)
    raises(ResourceAlreadyExists, lambda: four.upload_file(local("up.bin"), "py4/file.bin"))
    four.upload_fileobj(io.BytesIO(b"shorter"), "py4/file.bin", overwrite=True)
    target = io.BytesIO()
    four.download_fileobj("py4/file.bin", target)
    same(target.getvalue(), b"shorter")


@step("webdav4: open, seek and read in ranges")
def _():
    four.upload_fileobj(io.BytesIO(CONTENT), "py4/file.bin", overwrite=True)
    with four.open("py4/file.bin", mode="rb", chunk_size=8192) as file:
        file.seek(300_000)
        same(file.read(10), CONTENT[300_000:300_010])
        file.seek(5)
        same(file.read(100_000), CONTENT[5:100_005])


@step("webdav4: info, etag, times and types")
def _():
    same(four.content_length("py4/file.bin"), len(CONTENT))
    assert four.isfile("py4/file.bin") and four.isdir("py4") and not four.exists("py4/none")
    assert four.etag("py4/file.bin") and four.modified("py4/file.bin") and four.created("py4/file.bin")
    same(four.content_type("py4/file.bin"), "application/octet-stream")


@step("webdav4: copy, move, remove")
def _():
    four.copy("py4/file.bin", "py4/sub/copy.bin")
    four.move("py4/sub/copy.bin", "py4/sub/moved.bin")
    four.copy("py4", "py4 copy")
    same(sorted(four.ls("py4 copy/sub", detail=False)), ["py4 copy/sub/moved.bin"])
    raises(ResourceAlreadyExists, lambda: four.move("py4/file.bin", "py4/sub/moved.bin", overwrite=False))
    four.remove("py4 copy")
    assert not four.exists("py4 copy")


@step("webdav4: names")
def _():
    # It sends "%" and "#" as they are: names with those it can only list.
    sendable = [name for name in NAMES if "%" not in name and "#" not in name]
    for name in sendable:
        four.upload_fileobj(io.BytesIO(name.encode()), "py4/names " + name)
        target = io.BytesIO()
        four.download_fileobj("py4/names " + name, target)
        same(target.getvalue(), name.encode())
    found = {os.path.basename(entry["name"]) for entry in four.ls("py4")}
    assert {"names " + name for name in sendable} <= found, found


@step("webdav4: properties")
def _():
    same(four.get_props("py4/file.bin").content_length, len(CONTENT))


four.remove("py4")

# ---- webdavclient3
three = Client3({"webdav_hostname": URL.rstrip("/"), "webdav_login": USER or None, "webdav_password": PASSWORD or None})


@step("webdavclient3: mkdir, check, list")
def _():
    three.mkdir("py3")
    three.mkdir("py3/sub")
    assert three.check("py3") and not three.check("py3/none")
    same([name.strip("/") for name in three.list("py3") if name.strip("/") != "py3"], ["sub"])


@step("webdavclient3: upload and download")
def _():
    three.upload_sync(remote_path="py3/file.bin", local_path=local("up.bin"))
    three.download_sync(remote_path="py3/file.bin", local_path=os.path.join(WORK, "down3.bin"))
    same(read(os.path.join(WORK, "down3.bin")), CONTENT)
    three.upload_to(io.BytesIO(b"shorter"), "py3/file.bin")
    target = io.BytesIO()
    three.download_from(target, "py3/file.bin")
    same(target.getvalue(), b"shorter")
    raises((RemoteResourceNotFound, ResponseErrorCode), lambda: three.download_from(io.BytesIO(), "py3/none"))


@step("webdavclient3: a directory both ways")
def _():
    os.makedirs(os.path.join(WORK, "dir/deeper"), exist_ok=True)
    local("dir/a.txt", b"a")
    local("dir/deeper/b.txt", b"b")
    three.upload_directory(remote_path="py3/dir", local_path=os.path.join(WORK, "dir"))
    three.download_directory(remote_path="py3/dir", local_path=os.path.join(WORK, "dir-back"))
    same(read(os.path.join(WORK, "dir-back/deeper/b.txt")), b"b")
    os.makedirs(os.path.join(WORK, "pulled"), exist_ok=True)
    three.pull(remote_directory="py3/dir", local_directory=os.path.join(WORK, "pulled"))
    same(read(os.path.join(WORK, "pulled/a.txt")), b"a")


@step("webdavclient3: info and is_dir")
def _():
    same(three.info("py3/file.bin")["size"], "7")
    assert three.is_dir("py3/sub/") and not three.is_dir("py3/file.bin")


@step("webdavclient3: copy, move, clean")
def _():
    three.copy(remote_path_from="py3/file.bin", remote_path_to="py3/copy.bin")
    three.move(remote_path_from="py3/copy.bin", remote_path_to="py3/sub/moved.bin")
    assert three.check("py3/sub/moved.bin") and not three.check("py3/copy.bin")
    three.clean("py3/sub/moved.bin")
    assert not three.check("py3/sub/moved.bin")


@step("webdavclient3: names")
def _():
    for name in NAMES:
        three.upload_to(io.BytesIO(name.encode()), "py3/" + name)
    for name in NAMES:
        target = io.BytesIO()
        three.download_from(target, "py3/" + name)
        same(target.getvalue(), name.encode())
    assert set(NAMES) <= set(three.list("py3")), three.list("py3")


@step("webdavclient3: free space")
def _():
    assert three.free() > 0


@step("webdavclient3: lock")
def _():
    # Of a folder: it sends the token with the look at the parent, too, for which that of a file is false.
    with three.lock("py3") as locked:
        raises(ResourceLocked, lambda: three.upload_to(io.BytesIO(b"x"), "py3/file.bin"))
        locked.upload_to(io.BytesIO(b"locked"), "py3/file.bin")
    three.upload_to(io.BytesIO(b"free"), "py3/file.bin")


@step("webdavclient3: it is gone")
def _():
    three.clean("py3")
    assert not three.check("py3")


print("PASS %d FAIL %d" % (passed, failed))
sys.exit(0 if failed == 0 else 1)
