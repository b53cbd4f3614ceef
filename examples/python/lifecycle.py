"""Stop, start, restart, extend, update, configure and delete a sandbox."""

from datetime import timedelta

from vtrix_sandbox import NotActiveError, NotFoundError

from _service import service

with (
    service() as client,
    client.create(
        "user-123",
        spec={"cpu": "1", "memory": "1Gi"},
        payloads=[{"api": "/api/v1/env", "body": {"STAGE": "test"}}],
        ttl_hours=1,
    ) as sandbox,
):
    print(f"{sandbox.status} until {sandbox.expire_at}")
    print(sandbox.run_command("echo stage $STAGE").output, end="")

    # Files survive a stop, processes don't.
    sandbox.write("/workspace/kept.txt", "still here")
    sandbox.stop(blocking=True, poll_interval=0.05)
    print(sandbox.status)
    try:
        sandbox.run_command("true")
    except NotActiveError as error:
        print(error)
    sandbox.start()
    sandbox.wait_until_active()
    print(sandbox.read("/workspace/kept.txt"))

    sandbox.restart()
    sandbox.wait_until_active()

    # More time: one hour, and the cached record is refreshed.
    sandbox.extend_timeout(timedelta(hours=1))
    print(f"{sandbox.timeout} left")

    # Other resources. The sandbox may be made again; its files stay.
    sandbox.update(spec={"cpu": "2", "memory": "2Gi"})
    sandbox.wait_until_active()
    print(sandbox.info.spec)

    # Apply the stored configuration again.
    sandbox.configure()
    sandbox.wait_until_active()
    print(sandbox.run_command("echo stage $STAGE").output, end="")

    sandbox.delete()
    try:
        client.get(sandbox.id)
    except NotFoundError as error:
        print(f"gone: {error}")
