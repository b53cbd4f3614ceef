"""Come back to a sandbox by its id, as another program would."""

from _service import service

with service() as client:
    # One program creates a sandbox, leaves something running in it, and goes away.
    with client.create("user-123", labels={"job": "nightly"}) as sandbox:
        sandbox.write("notes.txt", "remember the milk")
        job = sandbox.run_command_detached("sleep 0.5; echo finished")

    # Another finds it again.
    for info in client.list(user_id="user-123", status="active").items:
        print(f"{info.id} is {info.status}, with labels {info.labels}")

    # The environment of create is not kept anywhere: it is given again.
    with client.attach(sandbox.id, env={"WHO": "second"}) as again:
        print(again.read("notes.txt"))
        print(again.run_command("echo the $WHO program is here").output, end="")
        print(again.get_command(job.cmd_id).wait().output, end="")
        again.delete()
