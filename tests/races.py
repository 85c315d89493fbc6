"""Processes that race each other: the first imports what all need, and the others are forked from it.

Several processes cost what one costs, and begin at the same moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence

FORKING = """
import json, os, sys, traceback

code, several = sys.argv[1], json.loads(sys.argv[2])
exec("\\n".join(line for line in code.splitlines() if line.startswith(("import ", "from "))), {})
children = []
for arguments in several:
    pipes = [os.pipe(), os.pipe()]
    child = os.fork()
    if child:
        for _, end in pipes:
            os.close(end)
        children.append((child, [beginning for beginning, _ in pipes]))
        continue
    for stream, (_, end) in enumerate(pipes, start=1):
        os.dup2(end, stream)
    status = 1
    try:
        sys.argv = ["-c", *arguments]
        exec(compile(code, "a racer", "exec"), {"__name__": "__main__"})
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
found = []
for child, streams in children:
    out, err = (open(stream, encoding="utf-8").read() for stream in streams)
    found.append([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out, err])
print(json.dumps(found))
"""


def race(code: str, several: Sequence[Sequence[object]], *, timeout_s: float = 180) -> list[str]:
    """What each of the processes prints that run the code, one for each list of arguments, all at once.

    Lines of the code that begin with an import run in the first process too, once for all.
    """
    given = json.dumps([[str(argument) for argument in arguments] for arguments in several])
    command = [sys.executable, "-W", "ignore", "-c", FORKING, textwrap.dedent(code), given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    ended = json.loads(done.stdout.splitlines()[-1])
    assert all(status == 0 for status, _, _ in ended), [err[-800:] for _, _, err in ended]
    return [out.strip() for _, out, _ in ended]
