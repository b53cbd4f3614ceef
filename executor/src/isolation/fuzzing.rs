//! The accounts of a host that is no host of ours.

use super::accounts;
use super::idmap::RANGE;
use super::subids::{largest, name_of};

/// Reads `text`, up to an empty line, as `passwd`, `subuid` and `subgid` and the rest as `group`:
/// what a sandbox gets has the system's accounts in it and nobody else's, and what is lent is a range
/// that somebody wrote down.
pub fn host(text: &str) {
    let (passwd, group) = text.split_once("\n\n").unwrap_or((text, ""));
    let [users, groups, shadow, gshadow] = accounts::files(passwd, group).map(|file| file.2);
    let rows = |text: &str, fields: usize| -> Vec<Vec<String>> {
        let text = text.strip_suffix('\n').expect("a last line");
        let row = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<_> = text.split('\n').map(row).collect();
        assert!(rows.iter().all(|row| row.len() == fields), "{text}");
        assert!(rows.iter().skip(1).all(|row| row[0] != "root") && rows[0][0] == "root");
        rows
    };
    let (users, groups) = (rows(&users, 7), rows(&groups, 4));
    for (public, private) in [(&users, rows(&shadow, 9)), (&groups, rows(&gshadow, 4))] {
        let names =
            |rows: &[Vec<String>]| rows.iter().map(|row| row[0].clone()).collect::<Vec<_>>();
        assert_eq!(names(public), names(&private));
        assert!(private.iter().all(|row| row[1] == "*"), "a password");
        for row in public {
            let id: u32 = row[2].parse().expect("an id");
            assert!(row[1] == "x" && (id < 1000 || id == 65_534), "{row:?}");
        }
    }
    assert!(groups.iter().all(|row| row[3].is_empty()), "a member");
    let name = name_of(1000, passwd);
    assert!(name.is_none_or(|name| passwd.contains(&format!("{name}:"))));
    if let Some(lent) = largest(passwd, 1000, name) {
        assert!((1..RANGE).contains(&lent.count));
        let first = lent.first.to_string();
        assert!(passwd.lines().any(|line| line.contains(&first)), "nobody lent {lent:?}");
    }
}
