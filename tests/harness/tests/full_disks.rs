//! Disks that fill during a transfer, at either end.

mod transfer_support;

use std::fs;
use std::path::Path;
use std::process::Command;

use transfer_support::{MIB, both_wires, content, names, settled};
use vtrix_harness::Harness;
use vtrix_sandbox::{ErrorKind, Sandbox};

/// Set in the process that has the small disk, to where it is.
const SMALL_DISK: &str = "VTRIX_TEST_SMALL_DISK";

/// Runs the test `name` of this program again, with a disk of 4 MiB that nobody else sees.
fn again_with_a_small_disk(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=4m small \"$1\" && exec \"$2\" --exact \"$3\" --nocapture";
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .arg(directory.path())
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(SMALL_DISK, directory.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_local_disk_that_fills_ends_a_download_and_keeps_the_old_file() {
    let Some(disk) = std::env::var_os(SMALL_DISK) else {
        let name = "a_local_disk_that_fills_ends_a_download_and_keeps_the_old_file";
        return again_with_a_small_disk(name);
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(a_local_disk_that_fills(Path::new(&disk)));
}

async fn a_local_disk_that_fills(disk: &Path) {
    let harness = Harness::start().await;
    let sandbox = harness.sandbox().await;
    sandbox.run("head -c 9000000 /dev/zero > large; echo small > small").await.unwrap();
    let path = disk.join("file");
    fs::write(&path, "old").unwrap();
    let error = sandbox.download_file("large", &path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalIo, "{error}");
    assert!(error.message().contains("No space left on device"), "{error}");
    assert_eq!(fs::read_dir(disk).unwrap().count(), 1);
    assert_eq!(fs::read(&path).unwrap(), b"old");

    // Of several, those whose disk has room are there.
    let roomy = tempfile::tempdir().unwrap();
    let files = [("large", disk.join("large")), ("small", roomy.path().join("small"))];
    let error = sandbox.download_files(files).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Partial);
    assert_eq!(error.failures()[0].1.kind(), ErrorKind::LocalIo);
    assert_eq!(fs::read(roomy.path().join("small")).unwrap(), b"small\n");
    assert_eq!(fs::read_dir(disk).unwrap().count(), 1);
    settled(&sandbox).await;
    assert_eq!(harness.end().await, Vec::<String>::new());
}

/// Fills `/run`, which is in memory and small, but for so many bytes.
async fn leave(sandbox: &Sandbox, free: usize) {
    let script = format!(
        "rm -f /run/fill; free=$(df --output=avail -B1 /run | tail -n 1); \
         head -c $((free - {free})) /dev/zero > /run/fill"
    );
    assert!(sandbox.run(script).await.unwrap().success());
}

/// What a full disk is called on each wire, where a method of the wire meets it.
fn no_space(plain: bool) -> ErrorKind {
    if plain { ErrorKind::Gateway } else { ErrorKind::NoSpace }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_disk_that_fills_ends_an_upload_and_keeps_the_old_file() {
    both_wires(async |plain, sandbox| {
        let local = tempfile::NamedTempFile::new().unwrap();
        sandbox.run("mkdir /run/dir; echo old > /run/dir/file").await.unwrap();
        for size in [MIB, 9 * MIB] {
            fs::write(local.path(), content(size)).unwrap();
            leave(sandbox, size / 2).await;
            let error = sandbox.upload_file(local.path(), "/run/dir/file").await.unwrap_err();
            assert_eq!(error.kind(), no_space(plain), "{error}");
            assert_eq!(names(sandbox, "/run/dir").await, ["file"]);
            assert_eq!(sandbox.read("/run/dir/file").await.unwrap().text(), Some("old\n"));
            settled(sandbox).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_disk_that_fills_while_parts_are_joined() {
    let harness = Harness::shared_on(true).await;
    let sandbox = harness.sandbox().await;
    let local = tempfile::NamedTempFile::new().unwrap();
    fs::write(local.path(), content(11 * MIB)).unwrap();
    // Room for every part, and not for those that are there twice.
    leave(&sandbox, 12 * MIB).await;
    let error = sandbox.upload_file(local.path(), "/run/dir/file").await.unwrap_err();
    // The script says so in words, on every wire.
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    assert!(names(&sandbox, "/run/dir").await.is_empty());
    leave(&sandbox, 24 * MIB).await;
    sandbox.upload_file(local.path(), "/run/dir/file").await.unwrap();
    sandbox.delete().await.unwrap();
}
