//! Quoting of one word for `/bin/sh`.

use std::borrow::Cow;

/// Quotes `word` so that a POSIX shell reads it as one word, exactly these characters.
///
/// Words of letters, digits and `_@%+:,./-` stay as they are; everything else, the empty word
/// included, goes between single quotes. No shell can be given a NUL; that is refused where a
/// command is sent.
///
/// ```
/// assert_eq!(vtrix_sandbox::quote("it's"), r"'it'\''s'");
/// assert_eq!(vtrix_sandbox::quote("a-b.c"), "a-b.c");
/// ```
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    // `=` and `~` are not plain: a leading `NAME=` is an assignment, a leading `~` a home.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+:,./-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// `command`, and each of `args` quoted after it.
pub(crate) fn command_line(command: &str, args: &[String]) -> String {
    let mut line = command.to_owned();
    for arg in args {
        line.push(' ');
        line.push_str(&quote(arg));
    }
    line
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// What a real shell makes of the line's arguments, each ended by a NUL.
    fn read_back(args: &[String]) -> Vec<u8> {
        let line = command_line(r"printf '%s\0'", args);
        let output = Command::new("/bin/sh").arg("-c").arg(line).output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(command_line("ls", &["-la".into(), "/a b".into()]), "ls -la '/a b'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("A=1"), "'A=1'");
        assert_eq!(quote("~root"), "'~root'");
    }

    proptest! {
        // Each case starts a shell; the words of one case are many instead.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_shell_reads_back_every_word(args in proptest::collection::vec(
            prop_oneof![
                "[^\0]{0,24}",
                r#"['"$`\\ \n\t;&|<>(){}*?\[\]~#!=%^-]{0,12}"#,
                Just("$(touch /tmp/x)".to_owned()),
                Just("--".to_owned()),
                Just("\r\n".to_owned()),
            ], 1..24))
        {
            let expected: Vec<u8> =
                args.iter().flat_map(|arg| arg.bytes().chain([0])).collect();
            prop_assert_eq!(read_back(&args), expected);
        }
    }
}
