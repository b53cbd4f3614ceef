//! The accounts of a sandbox: root, and the system's by their names and ids.
//!
//! Made from the text of the host's `passwd` and `group`. No person of the host is in them, no
//! password, no member of a group; root's home is `/root`.

/// Ids from here on are people's, apart from `nobody`.
const FIRST_PERSON: u32 = 1_000;
const NOBODY: u32 = 65_534;

/// A file of `/etc`: its name, mode and text.
pub(crate) type File = (&'static str, u32, String);

/// The files that hold accounts. With empty texts there are root and nobody.
pub(crate) fn files(passwd: &str, group: &str) -> [File; 4] {
    let shell = match passwd.lines().find(|line| line.starts_with("root:")) {
        Some(line) if line.ends_with(":/bin/bash") => "/bin/bash",
        _ => "/bin/sh",
    };
    let mut users = vec![format!("root:x:0:0:root:/root:{shell}")];
    let mut shadow = vec![no_password("root")];
    let mut groups = vec![String::from("root:x:0:")];
    let mut gshadow = vec![String::from("root:*::")];
    for mut fields in passwd.lines().filter_map(|line| system(line, 7)) {
        fields[1] = "x";
        users.push(fields.join(":"));
        shadow.push(no_password(fields[0]));
    }
    for fields in group.lines().filter_map(|line| system(line, 4)) {
        groups.push(format!("{}:x:{}:", fields[0], fields[2]));
        gshadow.push(format!("{}:*::", fields[0]));
    }
    if passwd.is_empty() {
        users.push("nobody:x:65534:65534:nobody:/nonexistent:/bin/false".into());
        shadow.push(no_password("nobody"));
    }
    if group.is_empty() {
        groups.extend(["tty:x:5:".into(), "nogroup:x:65534:".into()]);
        gshadow.extend(["tty:*::".into(), "nogroup:*::".into()]);
    }
    [
        ("passwd", 0o644, lines(&users)),
        ("group", 0o644, lines(&groups)),
        ("shadow", 0o600, lines(&shadow)),
        ("gshadow", 0o600, lines(&gshadow)),
    ]
}

/// The fields of a line if it is of the system, and not root's: the third tells.
fn system(line: &str, count: usize) -> Option<Vec<&str>> {
    let fields: Vec<_> = line.split(':').collect();
    let id: u32 = fields.get(2)?.parse().ok()?;
    let wanted = (id < FIRST_PERSON || id == NOBODY) && fields[0] != "root";
    (wanted && fields.len() == count).then_some(fields)
}

fn no_password(name: &str) -> String {
    format!("{name}:*:19000:0:99999:7:::")
}

fn lines(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_person_password_or_member() {
        let [passwd, group, shadow, gshadow] = files(
            "root:$6$x:0:0:R:/elsewhere:/bin/bash\nwww:$1$y:33:33::/var/www:/bin/false\n\
             ada:$6$hash:1000:1000:Ada:/home/ada:/bin/bash\nnobody:x:65534:65534::/:/bin/false\nbad",
            "root:x:0:ada\nsudo:x:27:ada\nada:x:1000:\n",
        );
        assert!(passwd.2.starts_with("root:x:0:0:root:/root:/bin/bash\n"), "{}", passwd.2);
        assert!(passwd.2.contains("www:x:33") && passwd.2.contains("nobody:x:65534"));
        assert!(group.2.contains("sudo:x:27:\n"), "{}", group.2);
        for (name, _, text) in [passwd, group, shadow, gshadow] {
            assert!(!text.contains("ada") && !text.contains('$'), "{name}: {text}");
        }
    }

    #[test]
    fn without_accounts_root_and_nobody_are_there() {
        let [passwd, group, shadow, _] = files("", "");
        assert!(passwd.2.contains("root:x:0:0:root:/root:/bin/sh\n"));
        assert!(passwd.2.contains("nobody") && group.2.contains("nogroup"));
        assert!(shadow.2.starts_with("root:*:") && shadow.1 == 0o600);
    }
}
