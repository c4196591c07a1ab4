"""Commands of tritmill, each run once: what they said is kept in files, by command line and by the
bytes of their inputs, so that a report that was interrupted goes on where it was."""
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

SMALL = 256 << 20  # of larger inputs size and time are looked at, not the bytes


class Failed(Exception):
    """A command's exit code is not 0; its text is the command's own line."""


class Stopped(Exception):
    """By a signal: what ran has kept what it had."""


def digest_of(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def stamp(path):
    about = os.stat(path)
    if about.st_size > SMALL:
        return [about.st_size, about.st_mtime_ns]
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write(path, text):
    """Under a temporary name first: there is never half a file."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".tmp", path)


def say(text):
    print(f"report: {text}", flush=True)


class Desk:
    """Runs commands of one program. `folder` holds what they said, a file for each name."""

    def __init__(self, program, folder, threads):
        self.program, self.folder, self.threads = os.path.abspath(program), folder, threads
        self.child, self.stopped = None, False
        os.makedirs(folder, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.stop)
        self.build = self.run(["--version"])[0].strip()
        if "TRITMILL_ISA" in os.environ:
            self.build += ", TRITMILL_ISA=" + os.environ["TRITMILL_ISA"]

    def stop(self, *_):
        self.stopped = True
        if self.child:
            self.child.send_signal(signal.SIGINT)

    def run(self, words, live=False, isa=None):
        """(output, seconds). `live`: its progress is the terminal's."""
        if self.stopped:
            raise Stopped()
        begin = time.time()
        self.child = subprocess.Popen([self.program, *words], stdout=subprocess.PIPE, text=True,
                                      stderr=None if live and sys.stderr.isatty()
                                      else subprocess.PIPE, start_new_session=True,
                                      env=os.environ | ({"TRITMILL_ISA": isa} if isa else {}))
        out, err = self.child.communicate()
        code, self.child = self.child.returncode, None
        if self.stopped:
            raise Stopped()
        if code:
            lines = (err or "").strip().splitlines() or [f"exit code {code}"]
            raise Failed(lines[-1].removeprefix("tritmill: "))
        return out, time.time() - begin

    def place(self, name):
        return os.path.join(self.folder, name + ".json")

    def kept(self, name, words, inputs, outputs):
        try:
            with open(self.place(name), encoding="utf-8") as file:
                record = json.load(file)
            same = record["words"] == words and record["inputs"] == [stamp(i) for i in inputs]
            return record if same and all(map(os.path.exists, outputs)) else None
        except (OSError, ValueError, KeyError):
            return None

    def ask(self, name, words, inputs=(), outputs=(), isa=None):
        """The record of a command: of an earlier report, where it is still of these words, inputs
        and outputs. With kernels of an instruction set alone, where one is named. Failed, Stopped.
        """
        words = [str(w) for w in words]
        name += f"-{isa}" if isa else ""
        record = self.kept(name, words, inputs, outputs)
        if record:
            return record
        say(name)
        out, seconds = self.run(words, isa=isa)
        return self.keep(name, words, inputs, out, seconds, isa)

    def keep(self, name, words, inputs, out, seconds, isa=None):
        record = {"name": name, "words": words, "inputs": [stamp(i) for i in inputs], "out": out,
                  "seconds": seconds, "build": self.build, "isa": isa,
                  "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
        write(self.place(name), json.dumps(record, indent=1))
        return record

    def tell(self, name, words, inputs=(), isa=None):
        """A command's JSON and its record; (None, why) where it failed."""
        try:
            record = self.ask(name, words, inputs, (), isa)
            return json.loads(record["out"]), record
        except Failed as error:
            return None, str(error)


def line_of(record, folder):
    """The command line as a reader would type it, from the folder of the report."""
    words = [w.replace(folder + os.sep, "") for w in record["words"]]
    begin = [f"TRITMILL_ISA={record['isa']}"] if record.get("isa") else []
    words = [f"'{w}'" if set(w) & set(" *'$|") else w for w in words]
    return " ".join([*begin, "tritmill", *words])


def rows_of(path):
    """A log's rows with numbers; what is empty is None."""
    with open(path, encoding="utf-8") as file:
        return [{k: float(v) if v else None for k, v in row.items()}
                for row in csv.DictReader(file)]


class Training:
    """The models that are trained on the same text, in the same order."""

    def __init__(self, desk, folder, plan):
        common = [*plan.texts, "--tokenizer", plan.vocabulary, *plan.shape, *plan.budget]
        texts = [t if os.path.exists(t) else t.rpartition(":")[0] for t in plan.texts]
        self.desk, self.inputs = desk, [*texts, plan.vocabulary]
        self.common = [str(w) for w in common]
        self.key = digest_of(self.common, [stamp(i) for i in self.inputs])
        self.folder = os.path.join(folder, "runs-" + self.key)
        os.makedirs(self.folder, exist_ok=True)

    def place(self, name, end):
        return os.path.join(self.folder, name + end)

    def words(self, name, options, *rest):
        threads = ["-t", self.desk.threads] if self.desk.threads else []
        return ["train", *self.common, *options, "--checkpoint", self.place(name, ".ckpt"),
                *threads, *rest]

    def run(self, name, options):
        """The record of a finished run; what stands of it is gone on with. Failed, Stopped."""
        words = [str(w) for w in self.words(name, options, "--save-every", 2, "--log",
                                            self.place(name, ".csv"))]
        title = f"train-{name}-{self.key}"
        record = self.desk.kept(title, words, self.inputs, [self.place(name, ".csv")])
        if record:
            return record
        begun = os.path.exists(self.place(name, ".ckpt"))
        say(f"training {name}" + (", from its checkpoint" if begun else ""))
        out, seconds = self.desk.run([*words, *(["--resume"] if begun else [])], live=True)
        return self.desk.keep(title, words, self.inputs, out, seconds)

    def export(self, name, options, kind, types):
        """Path of a run's model in stored types. Failed, Stopped."""
        path = self.place(f"{name}-{kind}", ".gguf")
        words = self.words(name, options, "--resume", "--log-disable", "-o", path, *types)
        self.desk.ask(f"export-{name}-{kind}-{self.key}", words, self.inputs, [path])
        return path
