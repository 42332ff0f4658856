#!/usr/bin/env python3
"""Three clients at work on one tree: a mount of rclone, rclone's own commands, and a mount of davfs2.

  three-clients.py work URL EXPECTED [--minutes M] [--user NAME --password WORD] [--seed N]
        works, each client in a folder of its own and under names of its own in a shared one, all reading what the
        others have; then unmounts, looks by all three afresh, and writes what has to be there to the file EXPECTED
  three-clients.py compare URL EXPECTED [--user NAME --password WORD]
        looks by rclone alone: for another server on the same tree

Last line: PASS n FAIL m. Needs root, /dev/fuse, rclone, fuse3 and davfs2. Each client does some operations a second.
"""
import argparse, base64, hashlib, json, os, random, shutil, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request

LIMIT = 120
REST_S = 0.15
FOLDERS = ("shared", "by-mount", "by-rclone", "by-davfs2")


class Failed(Exception):
    pass


def run(args, **options):
    done = subprocess.run(args, capture_output=True, timeout=LIMIT, stdin=options.pop("stdin", subprocess.DEVNULL), **options)
    if done.returncode != 0:
        text = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Failed("%s: %s" % (" ".join(args[:4]), " / ".join(text[-3:])))
    return done.stdout


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Rclone:
    def __init__(self, work, options):
        self.work = work
        self.config = os.path.join(work, "rclone.conf")
        open(self.config, "w").close()
        self.env = {
            "PATH": os.environ["PATH"], "HOME": work, "RCLONE_CONFIG": self.config, "XDG_CACHE_HOME": os.path.join(work, "xdg"),
            "RCLONE_CONFIG_DAV_TYPE": "webdav", "RCLONE_CONFIG_DAV_URL": options.url, "RCLONE_CONFIG_DAV_VENDOR": "other",
        }
        if options.user:
            self.env["RCLONE_CONFIG_DAV_USER"] = options.user
            self.env["RCLONE_CONFIG_DAV_PASS"] = run(["rclone", "obscure", options.password]).decode().strip()

    def __call__(self, *args, **options):
        return run(["rclone", "--retries", "1", "--low-level-retries", "1", *args], env=self.env, **options)

    def mount(self, point):
        os.makedirs(point, exist_ok=True)
        # Uploads begin at the close, not seconds later.
        child = subprocess.Popen(
            ["rclone", "mount", "dav:", point, "--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--dir-cache-time", "1s"],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for_mount(point, child)
        return child

    def unmount(self, point, child):
        run(["fusermount3", "-u", point])
        said = child.communicate(timeout=LIMIT)[1].decode(errors="replace")
        errors = [line for line in said.splitlines() if "ERROR" in line]
        if errors:
            raise Failed("rclone mount: " + " / ".join(errors[-3:]))


class Davfs2:
    def __init__(self, work, options):
        self.url = options.url
        self.cache = os.path.join(work, "davfs2")
        os.makedirs(self.cache)
        os.chmod(work, 0o755)
        shutil.chown(self.cache, "root", "davfs2")
        os.chmod(self.cache, 0o775)
        self.conf = os.path.join(work, "davfs2.conf")
        secrets = os.path.join(work, "secrets")
        with open(secrets, "w") as file:
            file.write('"%s" "%s" "%s"\n' % (options.url, options.user or "", options.password or ""))
        os.chmod(secrets, 0o600)
        with open(self.conf, "w") as file:
            # buf_size: see davfs2.sh
            file.write("ask_auth 0\nsecrets %s\ncache_dir %s\nbuf_size 256\ndelay_upload 0\nfile_refresh 0\ndir_refresh 1\n"
                       % (secrets, self.cache))

    def mount(self, point):
        os.makedirs(point, exist_ok=True)
        run(["mount.davfs", "-o", "conf=%s,uid=0,gid=0" % self.conf, self.url, point])
        wait_for_mount(point)

    def unmount(self, point):
        lost = [name for name in os.listdir(os.path.join(point, "lost+found"))]
        run(["umount", point])
        if lost:
            raise Failed("davfs2 could not upload: %s" % lost)
        for name in os.listdir(self.cache):
            path = os.path.join(self.cache, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def wait_for_mount(point, child=None):
    for _ in range(200):
        if os.path.ismount(point):
            return
        if child is not None and child.poll() is not None:
            break
        time.sleep(0.1)
    raise Failed("nothing is mounted at %s" % point)


class ByFiles:
    """Changes through a mounted file system."""

    def __init__(self, point):
        self.point = point

    def path(self, name):
        return os.path.join(self.point, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def append(self, name, data):
        with open(self.path(name), "ab") as file:
            file.write(data)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    def remove(self, name):
        os.unlink(self.path(name))

    def mkdir(self, name):
        os.mkdir(self.path(name))

    def rmdir(self, name):
        os.rmdir(self.path(name))

    def names(self, name):
        return os.listdir(self.path(name))


class ByRcloneMount(ByFiles):
    """rclone uploads behind close(2), and loses track of a file that is renamed while it does: so it is waited for."""

    def __init__(self, point, options):
        super().__init__(point)
        self.url = options.url.rstrip("/") + "/"
        self.headers = {}
        if options.user:
            pair = "%s:%s" % (options.user, options.password)
            self.headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()

    def write(self, name, data):
        super().write(name, data)
        self.arrived(name, data)

    def append(self, name, data):
        super().append(name, data)
        self.arrived(name, self.read(name))

    def arrived(self, name, data):
        end_s = time.monotonic() + LIMIT
        while self.on_server(name) != data:
            if time.monotonic() > end_s:
                raise Failed("rclone has not uploaded %s" % name)
            time.sleep(0.02)

    def on_server(self, name):
        request = urllib.request.Request(self.url + urllib.parse.quote(name), headers=self.headers)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None


class ByCommands:
    """The same by rclone's commands."""

    def __init__(self, rclone, work):
        self.rclone = rclone
        self.scratch = os.path.join(work, "upload")

    def write(self, name, data):
        with open(self.scratch, "wb") as file:
            file.write(data)
        self.rclone("copyto", "--ignore-times", self.scratch, "dav:" + name)

    def append(self, name, data):
        self.write(name, self.read(name) + data)

    def read(self, name):
        return self.rclone("cat", "dav:" + name)

    def rename(self, old, new):
        # Without it rclone takes a file of the same size for the same one, deletes the source and leaves the target as it is.
        self.rclone("moveto", "--ignore-times", "dav:" + old, "dav:" + new)

    def remove(self, name):
        self.rclone("deletefile", "dav:" + name)

    def mkdir(self, name):
        self.rclone("mkdir", "dav:" + name)

    def rmdir(self, name):
        self.rclone("rmdir", "dav:" + name)

    def names(self, name):
        return self.rclone("lsf", "dav:" + name).decode().splitlines()


class Worker(threading.Thread):
    """Changes what is its own, and knows what has to be there."""

    def __init__(self, name, client, seed, end_s):
        super().__init__()
        self.label = name
        self.client = client
        self.random = random.Random("%s %s" % (seed, name))
        self.end_s = end_s
        self.files = {}
        self.dirs = set()
        self.counts = {}
        self.errors = []

    def run(self):
        while time.monotonic() < self.end_s and len(self.errors) < 5:
            act = self.random.choice([self.create] * 4 + [self.overwrite] * 3 + [self.append, self.rename, self.rename_over, self.remove,
                                     self.remove, self.make_dir, self.remove_dir, self.look_at_others, self.read_back])
            try:
                if act():
                    self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
            except (OSError, Failed, subprocess.TimeoutExpired) as error:
                self.errors.append("%s, %s: %s" % (self.label, act.__name__, error))
            time.sleep(REST_S)

    def data(self):
        return self.random.randbytes(self.random.choice([0, 1, 50, 700, 5_000, 40_000, 150_000, 400_000]))

    def new_name(self):
        parent = self.random.choice(["shared", "by-" + self.label, *self.dirs])
        return "%s/%s %d ä#%%.bin" % (parent, self.label, self.random.randrange(10**9))

    def some_file(self):
        return self.random.choice(sorted(self.files)) if self.files else None

    def create(self):
        if len(self.files) > 60:
            return self.remove()
        name, data = self.new_name(), self.data()
        self.client.write(name, data)
        self.files[name] = data
        return True

    def overwrite(self):
        name, data = self.some_file(), self.data()
        if name is None:
            return False
        self.client.write(name, data)
        self.files[name] = data
        return True

    def append(self):
        name, data = self.some_file(), self.data()[:10_000]
        if name is None:
            return False
        self.client.append(name, data)
        self.files[name] += data
        return True

    def rename(self):
        old, new = self.some_file(), self.new_name()
        if old is None:
            return False
        self.client.rename(old, new)
        self.files[new] = self.files.pop(old)
        return True

    def rename_over(self):
        old, new = self.some_file(), self.some_file()
        if old == new:
            return False
        self.client.rename(old, new)
        self.files[new] = self.files.pop(old)
        return True

    def remove(self):
        name = self.some_file()
        if name is None:
            return False
        self.client.remove(name)
        del self.files[name]
        return True

    def make_dir(self):
        if len(self.dirs) > 6:
            return False
        name = "%s/%s dir %d" % (self.random.choice(["shared", "by-" + self.label]), self.label, self.random.randrange(10**9))
        self.client.mkdir(name)
        self.dirs.add(name)
        return True

    def remove_dir(self):
        empty = [name for name in sorted(self.dirs) if not any(file.startswith(name + "/") for file in self.files)]
        if not empty:
            return False
        self.client.rmdir(empty[0])
        self.dirs.remove(empty[0])
        return True

    def look_at_others(self):
        for folder in FOLDERS:
            self.client.names(folder)
        return True

    def read_back(self):
        name = self.some_file()
        if name is None:
            return False
        if self.client.read(name) != self.files[name]:
            raise Failed("%s is not what was written" % name)
        return True


def seen_in(folder):
    found = {}
    for parent, dirs, files in os.walk(folder):
        inside = os.path.relpath(parent, folder)
        for name in dirs + files:
            path = os.path.normpath(os.path.join(inside, name))
            if path.split(os.sep)[0] == "lost+found":
                continue
            if name in dirs:
                found[path + "/"] = ""
            else:
                with open(os.path.join(parent, name), "rb") as file:
                    found[path] = digest(file.read())
    return found


def seen_by_rclone(rclone, work):
    copy = tempfile.mkdtemp(dir=work)
    rclone("copy", "--create-empty-src-dirs", "dav:", copy)
    return seen_in(copy)


class Steps:
    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name, act):
        try:
            act()
            self.passed += 1
            print("ok   " + name, flush=True)
            return True
        except (OSError, Failed, subprocess.TimeoutExpired) as error:
            self.failed += 1
            print("FAIL %s: %s" % (name, error), flush=True)
            return False

    def finish(self):
        print("PASS %d FAIL %d" % (self.passed, self.failed))
        sys.exit(0 if self.failed == 0 and self.passed > 0 else 1)


def compare(expected, found):
    missing = sorted(set(expected) - set(found))
    extra = sorted(set(found) - set(expected))
    other = sorted(name for name in set(expected) & set(found) if expected[name] != found[name])
    if missing or extra or other:
        raise Failed("missing %s, extra %s, other bytes %s" % (missing[:5], extra[:5], other[:5]))


def work(options, folder, step):
    rclone, davfs2 = Rclone(folder, options), Davfs2(folder, options)
    mounted, davmounted = os.path.join(folder, "mount"), os.path.join(folder, "davmount")
    for name in FOLDERS:
        rclone("mkdir", "dav:" + name)
    children = []
    try:
        if not step("rclone mounts it", lambda: children.append(rclone.mount(mounted))) or \
           not step("davfs2 mounts it", lambda: davfs2.mount(davmounted)):
            return
        end_s = time.monotonic() + options.minutes * 60
        clients = {"mount": ByRcloneMount(mounted, options), "rclone": ByCommands(rclone, folder), "davfs2": ByFiles(davmounted)}
        workers = [Worker(name, client, options.seed, end_s) for name, client in clients.items()]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        def without_error(worker):
            print("#    %s: %s" % (worker.label, ", ".join("%s %d" % item for item in sorted(worker.counts.items()))))
            if worker.errors:
                raise Failed("; ".join(worker.errors))
        for worker in workers:
            step("%s meets no error" % worker.label, lambda worker=worker: without_error(worker))
        expected = {name + "/": "" for name in FOLDERS}
        for worker in workers:
            expected.update({name: digest(data) for name, data in worker.files.items()})
            expected.update({name + "/": "" for name in worker.dirs})
        with open(options.expected, "w") as file:
            json.dump(expected, file)
        print("#    %d files and folders are left" % len(expected))
        step("rclone has written all back", lambda: rclone.unmount(mounted, children.pop()))
        step("davfs2 has written all back", lambda: davfs2.unmount(davmounted))
        step("rclone mounts it afresh", lambda: children.append(rclone.mount(mounted)))
        step("davfs2 mounts it afresh", lambda: davfs2.mount(davmounted))
        step("the mount of rclone shows what was done", lambda: compare(expected, seen_in(mounted)))
        step("the mount of davfs2 shows the same", lambda: compare(expected, seen_in(davmounted)))
        step("rclone copies the same", lambda: compare(expected, seen_by_rclone(rclone, folder)))
    finally:
        for point in (mounted, davmounted):
            if os.path.ismount(point):
                subprocess.run(["umount", point], capture_output=True, timeout=LIMIT)
        for child in children:
            child.wait(timeout=LIMIT)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["work", "compare"])
    parser.add_argument("url")
    parser.add_argument("expected")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    parser.add_argument("--seed", default=str(time.time_ns()))
    options = parser.parse_args()
    step = Steps()
    folder = tempfile.mkdtemp(prefix="three-clients-")
    try:
        if options.what == "work":
            print("#    seed %s" % options.seed)
            work(options, folder, step)
        else:
            with open(options.expected) as file:
                expected = json.load(file)
            step("rclone copies what was done", lambda: compare(expected, seen_by_rclone(Rclone(folder, options), folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    step.finish()


main()
