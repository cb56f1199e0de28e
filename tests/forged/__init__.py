"""A world in which the host lies: what it says is rewritten on its way to the client.

A compromised host can say anything. What it says must never become a command that a person copies,
an output of a workflow's step, an order to a runner, or a traceback. Each command of deployctl is
run here against hosts that lie, and one checker (`checker.py`) looks at all that it shows.

`scenes.py` runs the real scripts of a host once for each scene that a command can meet (a
deploy that succeeds, that fails, a host that is busy, …) and keeps what they printed. A
`lies.Liar` says the same to the same command again, with one thing in it changed. That takes
milliseconds, so every field of every answer is tried with the hostile values of `values.py`, in
every way of showing it: `test_every_lie.py`. Single lies, each with what must come of it, are in
`test_lies.py`. `test_vps.py` does the same on a real VPS, whose sshd runs a forced command
(`rewriter.pl`) that rewrites what the scripts say.

    liar.says("holder", run="x; rm -rf ~")      # whoever holds the lock has this for a run
    liar.says("outcome", tag="sha-bad0bad")     # another release than the one that was asked for

Nothing is listed twice: the fields are those that the scripts really print, and
`test_every_lie.py` fails if a command of the program or a script of the host has no scene. So a new
command, fact or event is met by all the lies as soon as it has a scene in `scenes.py`.
"""
