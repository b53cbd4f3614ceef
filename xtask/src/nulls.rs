//! A C program that gives every function of the header what it must refuse.
//!
//! It is written from the header's prototypes and from what their documentation says of NULL: a
//! function that comes later is tested without anybody remembering it, and a parameter that says
//! nothing of NULL is an error. Texts that lie, are endless or are not UTF-8 are given too.

use std::fmt::Write as _;

/// A function of the header's.
pub(crate) struct Function {
    gives: String,
    pub(crate) name: String,
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter, and what is said of it.
pub(crate) struct Parameter {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) told: String,
}

impl Parameter {
    fn is_pointer(&self) -> bool {
        self.kind.ends_with('*') || self.kind.ends_with("_fn")
    }

    fn is_text(&self) -> bool {
        self.kind == "struct vtrix_str"
    }

    fn is_needed(&self) -> bool {
        self.told.contains("not NULL")
    }
}

/// The program's text.
pub(crate) fn program(header: &str) -> Result<String, String> {
    let mut checks = String::new();
    for function in functions(header) {
        for parameter in &function.parameters {
            if parameter.is_pointer() && !parameter.told.contains("NULL") {
                let (function, parameter) = (&function.name, &parameter.name);
                return Err(format!("{function}: {parameter} does not say whether it may be NULL"));
            }
        }
        // The program itself ends with it.
        if function.name != "vtrix_shutdown" {
            checks.push_str(&checks_of(&function));
        }
    }
    Ok(format!("{BEGIN}{checks}{END}"))
}

const BEGIN: &str = r#"/* Written from vtrix_sandbox.h. */
#include <stdint.h>
#include "support.h"

static vtrix_client *client;
static vtrix_sandbox *sandbox;
static vtrix_command *command;
static vtrix_stream *stream;
static int drops;

/* Stands for every function that must not be called. */
static void never(void)
{
    CHECK(!"called");
}

static void dropped(void *user_data)
{
    CHECK(user_data == &drops);
    drops++;
}

static vtrix_str text_of(const char *data, size_t len)
{
    vtrix_str text;
    text.data = data;
    text.len = len;
    return text;
}

static void refused(const char *what, vtrix_status status, vtrix_error *error, const char *name)
{
    vtrix_str text = vtrix_error_text(error);
    char told[1024];
    snprintf(told, sizeof told, "%.*s", (int)text.len, text.data ? text.data : "");
    if (status != VTRIX_STATUS_INVALID_ARGUMENT || strstr(told, name) == NULL) {
        fprintf(stderr, "%s: %s: %s\n", what, vtrix_status_name(status), told);
        _Exit(1);
    }
    vtrix_error_free(error);
}

int main(void)
{
    vtrix_error *error = NULL;
    client = test_client();
    sandbox = test_sandbox(client);
    OK(vtrix_sandbox_command(sandbox, VTRIX_STR("x"), 0, &command, &error));
    OK(vtrix_sandbox_stream(sandbox, VTRIX_STR("true"), NULL, &stream, &error));
"#;

const END: &str = r#"
    vtrix_stream_free(stream);
    vtrix_command_free(command);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(NULL));
    puts("ok");
    return 0;
}
"#;

fn checks_of(function: &Function) -> String {
    let mut checks = String::new();
    let Function { gives, name, parameters } = function;
    let nothing: Vec<String> = parameters.iter().map(nothing).collect();
    let call = format!("{name}({})", nothing.join(", "));
    if gives != "vtrix_status" {
        let promise = parameters.first().and_then(|first| promise(&first.told));
        let _ = match promise {
            Some(promise) if gives != "void" => writeln!(checks, "    CHECK({call}{promise});"),
            _ => writeln!(checks, "    (void){call};"),
        };
        return checks;
    }
    if parameters.iter().any(Parameter::is_needed) {
        let _ = writeln!(checks, "    CHECK({call} == VTRIX_STATUS_INVALID_ARGUMENT);");
    } else {
        let _ = writeln!(checks, "    (void){call};");
    }
    for (at, parameter) in parameters.iter().enumerate() {
        if parameter.is_needed() {
            checks.push_str(&refusal(function, at, "NULL", None));
        } else if parameter.is_text() {
            for text in ["NULL, 7", "\"x\", SIZE_MAX", "\"a\\xff\" \"b\", 3"] {
                checks.push_str(&refusal(function, at, &format!("text_of({text})"), None));
            }
        } else if let Some(length) = parameters.get(at + 1)
            && length.name == format!("{}_len", parameter.name)
        {
            checks.push_str(&refusal(function, at, "NULL", Some("3")));
        }
    }
    checks
}

/// A call with one argument that is wrong, and all others right.
fn refusal(function: &Function, wrong: usize, argument: &str, next: Option<&str>) -> String {
    let Function { name, parameters, .. } = function;
    let mut locals = String::new();
    let mut arguments = Vec::new();
    for (at, parameter) in parameters.iter().enumerate() {
        arguments.push(match next {
            _ if at == wrong => argument.to_owned(),
            Some(next) if at == wrong + 1 => next.to_owned(),
            _ => right(parameter, &mut locals),
        });
    }
    let drops = usize::from(parameters.iter().any(|parameter| parameter.name == "drop"));
    let call = format!("{name}({})", arguments.join(", "));
    let what = call.replace('\\', "\\\\").replace('"', "\\\"");
    // A text that is wrong is named too, but some functions call it by what it is for.
    let named = if parameters[wrong].is_text() { "" } else { parameters[wrong].name.as_str() };
    format!(
        "    {{\n{locals}        vtrix_status status;\n        drops = 0;\n        status = {call};\n        \
         refused(\"{what}\", status, error, \"{named}\");\n        CHECK(drops == {drops});\n    }}\n"
    )
}

/// What stands for nothing.
fn nothing(parameter: &Parameter) -> String {
    if parameter.is_pointer() {
        "NULL".into()
    } else if parameter.is_text() {
        "text_of(NULL, 0)".into()
    } else {
        "0".into()
    }
}

/// An argument that no function refuses.
fn right(parameter: &Parameter, locals: &mut String) -> String {
    let handles = ["client", "sandbox", "command", "stream"];
    let Parameter { kind, name, .. } = parameter;
    match kind.as_str() {
        "struct vtrix_str" => "VTRIX_STR(\"x\")".into(),
        "vtrix_drop_fn" => "dropped".into(),
        kind if kind.ends_with("_fn") => format!("({kind})never"),
        "void *" => "&drops".into(),
        _ if name.starts_with("out_") => {
            if name == "out_error" {
                return "&error".into();
            }
            let pointee = kind.trim_end_matches('*').trim();
            let stars = kind.matches('*').count() - 1;
            let zero = if stars == 0 { "0" } else { "NULL" };
            let _ = writeln!(locals, "        {pointee} {}{name} = {zero};", "*".repeat(stars));
            format!("&{name}")
        }
        _ if handles.iter().any(|handle| kind.ends_with(&format!("struct vtrix_{handle} *"))) => {
            name.clone()
        }
        _ if parameter.is_pointer() => "NULL".into(),
        _ => "0".into(),
    }
}

/// What a function that can't fail gives for NULL, as the rest of a condition.
fn promise(told: &str) -> Option<&'static str> {
    let given = told.split("NULL gives ").nth(1)?;
    let promises = [
        ("-1", " == -1"),
        ("0", " == 0"),
        ("the empty text", ".len == 0"),
        ("no bytes", ".len == 0"),
        ("NULL", " == NULL"),
        ("false", " == false"),
    ];
    promises.iter().find(|(words, _)| given.starts_with(words)).map(|(_, check)| *check)
}

/// Every function that the header declares.
pub(crate) fn functions(header: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let (mut comment, mut code, mut inside) = (String::new(), String::new(), false);
    for line in header.lines() {
        let text = line.trim();
        if text.starts_with("/*") {
            (comment, code, inside) = (String::new(), String::new(), true);
        }
        if inside {
            comment.push_str(text.trim_start_matches(['/', '*']).trim());
            comment.push(' ');
            inside = !text.ends_with("*/");
            continue;
        }
        code.push_str(text);
        code.push(' ');
        if !text.ends_with(';') {
            continue;
        }
        let item = std::mem::take(&mut code);
        if !item.starts_with("typedef")
            && !item.contains('{')
            && let Some((before, parameters)) = item.split_once('(')
        {
            let (gives, name) = declaration(before);
            let parameters = parameters.trim_end_matches([')', ';', ' ']);
            let parameters = parameters.split(',').filter(|one| *one != "void").map(|one| {
                let (kind, name) = declaration(one.trim());
                let told = comment.split(&format!("\\param {name} ")).nth(1);
                let told = told.and_then(|told| told.split("\\param").next()).unwrap_or_default();
                Parameter { kind, name, told: told.to_owned() }
            });
            let parameters = parameters.collect();
            functions.push(Function { gives, name, parameters });
        }
    }
    functions
}

fn declaration(text: &str) -> (String, String) {
    let at = text.rfind([' ', '*']).map_or(0, |at| at + 1);
    (text[..at].trim().to_owned(), text[at..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_null_is_read_from_the_documentation() {
        let header = "/**\n * Does.\n *\n * \\param a borrowed; not\n * NULL.\n * \\param out may be NULL.\n */\n\
                      vtrix_status vtrix_do(const struct vtrix_client *a,\n    struct vtrix_error **out);\n";
        let found = functions(header);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].gives.as_str(), found[0].name.as_str()), ("vtrix_status", "vtrix_do"));
        let needed: Vec<bool> = found[0].parameters.iter().map(Parameter::is_needed).collect();
        assert_eq!(needed, [true, false]);
        assert!(program(&header.replace("may be NULL", "is there")).is_err());
    }
}
