//! What a linked program relies on, held to what was promised. Tests alone.
//!
//! `ffi-c/abi/baseline-N.txt` is what generation N of the binary interface began with: it is never
//! written again, and what is there today may only be that and more. Whatever breaks it needs
//! another generation, with a baseline of its own.

use std::collections::BTreeMap;
use std::fs;

use crate::install::ABI;
use crate::nulls::{Function, functions};
use crate::root;

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A record as symbols, sizes of structs, and offsets of fields.
#[derive(Default)]
struct Record<'a> {
    symbols: Vec<&'a str>,
    sizes: BTreeMap<&'a str, usize>,
    fields: BTreeMap<(&'a str, &'a str), usize>,
}

fn record(text: &str) -> Record<'_> {
    let mut record = Record::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match *line.split(' ').collect::<Vec<_>>() {
            [symbol] => record.symbols.push(symbol),
            [name, size] => drop(record.sizes.insert(name, size.parse().unwrap())),
            [name, offset, field] => {
                record.fields.insert((name, field), offset.parse().unwrap());
            }
            _ => panic!("{line}"),
        }
    }
    record
}

/// What of `before` is not in `after`: a struct may grow only if it says its size.
fn broken(before: &Record<'_>, after: &Record<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for symbol in before.symbols.iter().filter(|symbol| !after.symbols.contains(symbol)) {
        broken.push(format!("{symbol} is gone"));
    }
    for (field, offset) in &before.fields {
        if after.fields.get(field) != Some(offset) {
            broken.push(format!("{}.{} is not where it was", field.0, field.1));
        }
    }
    for (name, size) in &before.sizes {
        let now = after.sizes.get(name).copied().unwrap_or_default();
        let grows = after.fields.get(&(*name, "struct_size")) == Some(&0);
        if now < *size || (now > *size && !grows) {
            broken.push(format!("{name} has {now} bytes, and not {size}"));
        }
    }
    broken
}

#[test]
fn what_was_linked_before_still_fits() {
    let (before, after) =
        (read(&format!("ffi-c/abi/baseline-{ABI}.txt")), read("ffi-c/abi/linux-x86_64.txt"));
    assert_eq!(broken(&record(&before), &record(&after)), [""; 0]);
}

#[test]
fn what_breaks_is_found() {
    let before = "vtrix_a\nvtrix_b\nvtrix_o 16\nvtrix_o 0 struct_size\nvtrix_o 8 x\nvtrix_v 8\nvtrix_v 0 x\n";
    let grown = "vtrix_a\nvtrix_b\nvtrix_c\nvtrix_o 24\nvtrix_o 0 struct_size\nvtrix_o 8 x\nvtrix_o 16 y\nvtrix_v 8\nvtrix_v 0 x\n";
    assert_eq!(broken(&record(before), &record(grown)), [""; 0]);
    for (from, to) in [
        ("vtrix_b\n", ""),
        ("vtrix_o 8 x", "vtrix_o 12 x"),
        ("vtrix_o 24", "vtrix_o 8"),
        ("vtrix_v 8", "vtrix_v 16"),
    ] {
        let changed = grown.replace(from, to);
        assert_eq!(broken(&record(before), &record(&changed)).len(), 1, "{from:?} as {to:?}");
    }
}

#[test]
fn the_generation_is_one_number() {
    let wanted = [
        ("include/vtrix_sandbox.h", format!("#define VTRIX_ABI_VERSION {ABI}\n")),
        ("ffi-c/src/version.rs", format!("pub const VTRIX_ABI_VERSION: u32 = {ABI};\n")),
        ("ffi-c/build.rs", format!("libvtrix_sandbox.so.{ABI}\"")),
    ];
    for (path, text) in wanted {
        assert!(read(path).contains(&text), "{path} lacks {text:?}");
    }
}

/// The types of the header with the functions that their documentation lists.
fn lists(header: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut lists = BTreeMap::new();
    for part in header.split("/**").skip(1) {
        let Some((comment, code)) = part.split_once("*/") else { continue };
        let Some(rest) = code.trim_start().strip_prefix("typedef struct ") else { continue };
        let name = rest.split([' ', ';']).next().unwrap_or_default();
        let listed = comment.split("Functions:").nth(1).unwrap_or_default();
        lists.insert(name, listed.split('`').skip(1).step_by(2).collect());
    }
    lists
}

/// The type that a function belongs to: that of its first parameter, if it is a pointer to one.
fn owner(function: &Function) -> Option<&str> {
    let kind = &function.parameters.first()?.kind;
    kind.trim_start_matches("const ").strip_prefix("struct ")?.strip_suffix(" *")
}

#[test]
fn types_list_their_functions() {
    let header = read("include/vtrix_sandbox.h");
    let (lists, functions) = (lists(&header), functions(&header));
    let mut problems = Vec::new();
    for (name, listed) in &lists {
        for function in listed {
            if !functions.iter().any(|known| known.name == *function) {
                problems.push(format!("{name} lists {function}, which there is not"));
            }
        }
    }
    for function in &functions {
        if let Some(owner) = owner(function)
            && !lists.get(owner).is_some_and(|listed| listed.contains(&function.name.as_str()))
        {
            problems.push(format!("{owner} does not list {}", function.name));
        }
    }
    assert_eq!(problems, [""; 0]);
}

#[test]
fn parameters_say_whose_they_are() {
    let header = read("include/vtrix_sandbox.h");
    let told = ["borrowed", "owned", "written", "receives ", "passed to "];
    let mut problems = Vec::new();
    for function in functions(&header) {
        for parameter in &function.parameters {
            let lent =
                ["struct vtrix_str", "struct vtrix_bytes"].contains(&parameter.kind.as_str());
            if (lent || parameter.kind.ends_with('*'))
                && !told.iter().any(|word| parameter.told.contains(word))
            {
                problems.push(format!("{}: {}", function.name, parameter.name));
            }
        }
    }
    assert_eq!(problems, [""; 0]);
}
