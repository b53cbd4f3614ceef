//! Files that change while they are transferred: what arrives is what was there at one time, or
//! nothing does.

mod transfer_support;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use transfer_support::{MIB, both_wires, content, names};
use vtrix_harness::{FaultProxy, Faults, Harness, until};
use vtrix_sandbox::{Error, ErrorKind, Result, Sandbox};

/// Uploads 9 MiB over an old file; once the first of them have arrived, `change` is done to the
/// local file. Returns what came of it and the size of what is in the sandbox.
async fn upload_while(sandbox: &Sandbox, change: fn(&Path)) -> (Result<()>, u64) {
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("file");
    fs::write(&path, content(9 * MIB)).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(long_ago()).unwrap();
    sandbox.write("dir/file", "old").await.unwrap();
    let done = AtomicBool::new(false);
    let changed = path.clone();
    let outcome = sandbox
        .upload_file(&path, "dir/file")
        .progress(move |_| {
            if !done.swap(true, Ordering::Relaxed) {
                change(&changed);
            }
        })
        .await;
    assert_eq!(names(sandbox, "dir").await, ["file"]);
    (outcome, sandbox.stat("dir/file").await.unwrap().size)
}

/// Clocks of file systems tick slowly; a change must show.
fn long_ago() -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH
}

fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_that_is_written_or_cut_during_its_upload_is_an_error() {
    both_wires(async |_, sandbox| {
        let cut = |path: &Path| {
            File::options().write(true).open(path).unwrap().set_len(5 * MIB as u64).unwrap();
        };
        let (outcome, size) = upload_while(sandbox, cut).await;
        assert_eq!((kind(outcome), size), (ErrorKind::FileChanged, 3));
        let written = |path: &Path| {
            File::options().write(true).open(path).unwrap().write_all(b"new").unwrap();
        };
        let (outcome, size) = upload_while(sandbox, written).await;
        assert_eq!((kind(outcome), size), (ErrorKind::FileChanged, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_file_that_grows_goes_or_is_replaced_is_uploaded_as_it_was_read() {
    both_wires(async |_, sandbox| {
        let grow = |path: &Path| {
            File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        };
        let (outcome, size) = upload_while(sandbox, grow).await;
        outcome.unwrap();
        assert_eq!(size, 9 * MIB as u64 + 4);
        let (outcome, size) = upload_while(sandbox, |path| fs::remove_file(path).unwrap()).await;
        outcome.unwrap();
        assert_eq!(size, 9 * MIB as u64);
        let replace = |path: &Path| {
            let other = path.with_extension("other");
            fs::write(&other, "short").unwrap();
            fs::rename(&other, path).unwrap();
        };
        let (outcome, size) = upload_while(sandbox, replace).await;
        outcome.unwrap();
        assert_eq!(size, 9 * MIB as u64);
    })
    .await;
}

/// Downloads 64 MiB over an old local file. Once it has begun, the connection is held back, with
/// most of the file still to be read, until `change` was run in the sandbox. Returns what came of
/// it and the size of the local file.
async fn download_while(plain: bool, change: &str) -> (Result<()>, u64) {
    let harness = Harness::shared_on(plain).await;
    let proxy = Arc::new(FaultProxy::start(harness.addr(), Faults::default()).await);
    let sandbox = harness.sandbox_of(&harness.client_at(&proxy.url())).await;
    let beside = harness.client().attach(sandbox.id()).await.unwrap();
    beside.run("truncate -s 64M file; touch -d @0 file").await.unwrap();
    let local = tempfile::tempdir().unwrap();
    let path = local.path().join("file");
    fs::write(&path, "old").unwrap();
    let begun = Arc::new(AtomicBool::new(false));
    let (holder, told) = (Arc::clone(&proxy), Arc::clone(&begun));
    let download = sandbox.download_file("file", &path).progress(move |_| {
        if !told.swap(true, Ordering::Relaxed) {
            holder.stall(true);
        }
    });
    let download = tokio::spawn(download.into_future());
    until("the download has begun", async || begun.load(Ordering::Relaxed)).await;
    beside.run(change).await.unwrap();
    proxy.stall(false);
    let outcome = download.await.unwrap().map(|saved| assert_eq!(saved.as_ref(), Some(&path)));
    assert_eq!(fs::read_dir(local.path()).unwrap().count(), 1);
    let size = fs::metadata(&path).unwrap().len();
    beside.delete().await.unwrap();
    (outcome, size)
}

/// What a file that changed is called on each wire.
fn changed(plain: bool) -> ErrorKind {
    if plain { ErrorKind::Gateway } else { ErrorKind::FileChanged }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_or_cut_during_its_download_is_an_error() {
    for plain in [false, true] {
        for change in ["truncate -s 1M file", "printf new | dd of=file conv=notrunc status=none"] {
            let (outcome, size) = download_while(plain, change).await;
            let error: Error = outcome.unwrap_err();
            assert_eq!((error.kind(), size), (changed(plain), 3), "{change}: {error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_goes_or_is_replaced_is_downloaded_as_it_was_read() {
    for plain in [false, true] {
        for (change, size) in [
            ("printf more >> file", 64 * MIB + 4),
            ("rm file", 64 * MIB),
            ("echo short > other; mv other file", 64 * MIB),
        ] {
            let (outcome, seen) = download_while(plain, change).await;
            outcome.unwrap();
            assert_eq!(seen, size as u64, "{change}");
        }
    }
}

/// Whoever is in the sandbox may exchange the directory in which a large upload is put together for
/// a link. What is written and removed through it is the sandbox's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_staging_directory_exchanged_for_a_link_leads_nowhere_outside() {
    let host = tempfile::Builder::new().prefix("vtrix-victim-").tempdir().unwrap();
    fs::set_permissions(host.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let victims = ["whole", "p000000000000", "file"].map(|name| host.path().join(name));
    for victim in &victims {
        fs::write(victim, "of the host").unwrap();
        fs::set_permissions(victim, fs::Permissions::from_mode(0o666)).unwrap();
    }
    let out = host.path().display();
    both_wires(async |_, sandbox| {
        let local = tempfile::NamedTempFile::new().unwrap();
        fs::write(local.path(), content(4 * MIB)).unwrap();
        let exchange = format!(
            "mkdir -p dir aside && cd dir && n=0; while [ ! -e ../stop ]; do for s in .vtrix-*; do \
             [ -d $s ] && [ ! -L $s ] || continue; n=$((n + 1)); \
             mv -T $s ../aside/$n || continue; for out in {out} /proc/1/root{out} ../../../..{out}; \
             do ln -sfn $out $s; ln -sfn ../aside/$n $s; done; done; done"
        );
        let attacker = sandbox.run(exchange).spawn().await.unwrap();
        for _ in 0..5 {
            // Whether it goes through is the sandbox's own affair; it ends, and says how.
            match sandbox.upload_file(local.path(), "dir/file").await {
                Ok(()) => assert_eq!(sandbox.stat("dir/file").await.unwrap().size, 4 * MIB as u64),
                Err(error) => assert_ne!(error.kind(), ErrorKind::Internal, "{error}"),
            }
        }
        sandbox.write("stop", "").await.unwrap();
        attacker.wait().await.unwrap();
        for victim in &victims {
            assert_eq!(fs::read_to_string(victim).unwrap(), "of the host");
        }
        assert_eq!(fs::read_dir(host.path()).unwrap().count(), victims.len());
    })
    .await;
}
