//! What a caller gives: words for the shell, and the client's options.
#![no_main]

use std::process::Command;

use arbitrary::Arbitrary;

#[derive(Arbitrary, Debug)]
struct Given<'a> {
    url: &'a str,
    token: &'a str,
    pem: &'a [u8],
    id: &'a str,
    shell: bool,
    args: Vec<String>,
}

libfuzzer_sys::fuzz_target!(|given: Given<'_>| {
    let Given { url, token, pem, id, shell, args } = given;
    vtrix_sandbox::fuzzing::options(url, token, pem, id);
    // A shell takes a thousand times as long as the rest: few inputs start one.
    let one_word = !args.is_empty() && args.iter().all(|arg| !arg.contains('\0'));
    if shell && one_word && args.iter().map(String::len).sum::<usize>() < 1024 {
        quoted(&args);
    }
});

/// A real shell reads every word back as it was.
fn quoted(args: &[String]) {
    let line = vtrix_sandbox::fuzzing::line(r"printf '%s\0'", args);
    let output = Command::new("/bin/sh").arg("-c").arg(line).output().expect("a shell");
    assert!(output.status.success());
    let expected: Vec<u8> = args.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
    assert_eq!(output.stdout, expected);
}
