//! Writes Rust declarations for what `vtrix_sandbox.h` declares: the installed one that
//! `VTRIX_C_HEADER` names, or the tree's.
//!
//! The header is generated and regular, so a few rules read all of it: structs, function types,
//! constants and prototypes. From it alone comes what the runner knows of the library, as it would
//! for a binding in any other language.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=VTRIX_C_HEADER");
    let in_tree = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include/vtrix_sandbox.h");
    let header = env::var_os("VTRIX_C_HEADER").map_or_else(in_tree, PathBuf::from);
    println!("cargo::rerun-if-changed={}", header.display());
    let text = fs::read_to_string(&header).expect("the header is there");
    let out = env::var("OUT_DIR").expect("cargo names a directory");
    fs::write(Path::new(&out).join("abi.rs"), abi(&text)).expect("the directory is writable");
}

fn abi(header: &str) -> String {
    let mut constants = String::new();
    let mut code = String::new();
    let text = without_comments(header);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#define ") {
            constants.push_str(&constant(rest).unwrap_or_default());
        } else if !line.starts_with('#') {
            code.push_str(line);
            code.push(' ');
        }
    }
    let code = code.replace("extern \"C\" {", "");
    let mut types = String::new();
    let mut functions = Vec::new();
    for item in items(&code) {
        match item.strip_prefix("typedef ") {
            Some(definition) => types.push_str(&typedef(definition)),
            None if item.contains('(') => functions.push(prototype(&item)),
            None => {}
        }
    }
    let mut table = String::from("pub(crate) struct Library {\n");
    let mut load = String::from(
        "impl Library {\n    pub(crate) unsafe fn load(find: impl Fn(&std::ffi::CStr) -> *mut c_void) -> Self {\n        unsafe { Self {\n",
    );
    for (name, kind) in &functions {
        let _ = writeln!(table, "    pub(crate) {name}: {kind},");
        let _ = writeln!(
            load,
            "            {name}: std::mem::transmute::<*mut c_void, {kind}>(find(c\"{name}\")),"
        );
    }
    format!("{constants}{types}{table}}}\n{load}        }} }}\n    }}\n}}\n")
}

fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept + rest
}

fn constant(rest: &str) -> Option<String> {
    let (name, value) = rest.split_once(' ')?;
    let (kind, value) = match value {
        "UINT64_MAX" => ("u64", "u64::MAX"),
        value if value.parse::<i32>().is_ok() => ("i32", value),
        _ => return None,
    };
    Some(format!("pub(crate) const {name}: {kind} = {value};\n"))
}

/// Splits at every semicolon that is outside of braces.
fn items(code: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut depth = 0_i32;
    for c in code.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth <= 0 => {
                items.push(item.split_whitespace().collect::<Vec<_>>().join(" "));
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(c);
    }
    items
}

fn typedef(definition: &str) -> String {
    if let Some(structure) = definition.strip_prefix("struct ") {
        let Some((name, rest)) = structure.split_once(" {") else {
            let name = structure.split(' ').next().unwrap_or_default();
            return format!("#[repr(C)]\npub(crate) struct {name} {{ _opaque: [u8; 0] }}\n");
        };
        let body = rest.split('}').next().unwrap_or_default();
        let mut fields = String::new();
        for field in body.split(';').map(str::trim).filter(|field| !field.is_empty()) {
            let (name, kind) = declaration(field);
            let _ = writeln!(fields, "    pub(crate) r#{name}: {kind},");
        }
        return format!(
            "#[repr(C)]\n#[derive(Clone, Copy)]\npub(crate) struct {name} {{\n{fields}}}\n"
        );
    }
    if let Some((before, rest)) = definition.split_once("(*") {
        let (name, parameters) = rest.split_once(")(").expect("a function type has parameters");
        let kind = function(before, parameters.trim_end_matches(')'));
        return format!("pub(crate) type {name} = Option<{kind}>;\n");
    }
    let (name, kind) = declaration(definition);
    format!("pub(crate) type {name} = {kind};\n")
}

fn prototype(item: &str) -> (String, String) {
    let (before, parameters) = item.split_once('(').expect("a function has parameters");
    let at = before.rfind([' ', '*']).expect("a function gives something") + 1;
    let name = before[at..].to_owned();
    (name, function(&before[..at], parameters.trim_end_matches(')')))
}

fn function(gives: &str, parameters: &str) -> String {
    let parameters: Vec<String> = match parameters.trim() {
        "void" => Vec::new(),
        parameters => parameters.split(',').map(|one| declaration(one.trim()).1).collect(),
    };
    let gives = match kind(gives) {
        kind if kind == "c_void" => String::new(),
        kind => format!(" -> {kind}"),
    };
    format!("unsafe extern \"C\" fn({}){gives}", parameters.join(", "))
}

/// The name and the type of a parameter or a field.
fn declaration(text: &str) -> (String, String) {
    let (text, length) = match text.split_once('[') {
        Some((text, length)) => (text, Some(length.trim_end_matches(']'))),
        None => (text, None),
    };
    let at = text.rfind([' ', '*']).expect("a declaration has a name") + 1;
    let kind = kind(&text[..at]);
    let kind = length.map_or_else(|| kind.clone(), |length| format!("[{kind}; {length}]"));
    (text[at..].to_owned(), kind)
}

fn kind(text: &str) -> String {
    let constant = text.trim_start().starts_with("const ");
    let stars = text.matches('*').count();
    let word = text
        .split([' ', '*'])
        .find(|word| !["", "const", "struct"].contains(word))
        .expect("a type has a name");
    let word = match word {
        "void" => "c_void",
        "char" => "std::ffi::c_char",
        "double" => "f64",
        "size_t" => "usize",
        "int32_t" => "i32",
        "int64_t" => "i64",
        "uint8_t" => "u8",
        "uint16_t" => "u16",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        word => word,
    };
    let mut kind = word.to_owned();
    for star in 0..stars {
        let word = if constant && star == 0 { "*const" } else { "*mut" };
        kind = format!("{word} {kind}");
    }
    kind
}
