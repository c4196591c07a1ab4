#!/usr/bin/env python3
"""Types on a terminal what a person would, and looks at what comes.

terminal.py COMMAND... <<SCRIPT, a step a line:
  type TEXT      sends it (Python escapes: \\n, \\x03)
  wait TEXT      until the output since the last wait has it; 20 s at most
  never TEXT     it has not come so far
The rest of the output is read to its end; the exit code is the command's, 99 where a step failed.
"""
import os
import pty
import select
import signal
import sys
import time

LIMIT = 20.0


class Terminal:
    def __init__(self, command):
        self.child, self.fd = pty.fork()
        if self.child == 0:
            os.environ["TERM"] = "xterm"
            os.execvp(command[0], command)
        self.seen = self.all = b""

    def read(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self.fd, 65536)
        except OSError:  # the other side is closed
            got = b""
        self.seen += got
        self.all += got
        return bool(got)

    def wait(self, text):
        until = time.monotonic() + LIMIT
        while text not in self.seen:
            left = until - time.monotonic()
            if left <= 0 or (not self.read(left) and time.monotonic() < until):
                return text in self.seen
        self.seen = self.seen[self.seen.index(text) + len(text):]
        return True

    def end(self):
        until = time.monotonic() + LIMIT
        while time.monotonic() < until and self.read(until - time.monotonic()):
            pass
        if time.monotonic() >= until:
            os.kill(self.child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def main():
    terminal = Terminal(sys.argv[1:])
    for step in sys.stdin.read().splitlines():
        what, _, text = step.partition(" ")
        text = text.encode().decode("unicode_escape").encode("latin-1")
        if what == "type":
            os.write(terminal.fd, text)
        elif what == "wait" and not terminal.wait(text) or \
                what == "never" and text in terminal.all:
            print(f"{step}: of {terminal.all[-2000:]!r}", file=sys.stderr)
            os.kill(terminal.child, signal.SIGKILL)
            sys.exit(99)
    code = terminal.end()
    sys.stdout.buffer.write(terminal.all)
    sys.exit(code)


main()
