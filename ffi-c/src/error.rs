//! What went wrong, as an object of the caller's.
//!
//! Inside, a [`Failure`] is an error of the core or one that only this interface has. Handed
//! over, it is a `vtrix_error`: everything the core's error knows, readable from any thread, until
//! it is freed.

use std::borrow::Cow;
use std::sync::Arc;

use ::vtrix_sandbox::Error;

use crate::finished::vtrix_finished;
use crate::guard::guard_value;
use crate::handle::{Handle, Unique, free_unique};
use crate::runtime::Engine;
use crate::status::{
    VTRIX_STATUS_INTERNAL, VTRIX_STATUS_INVALID_ARGUMENT, VTRIX_STATUS_OK, of_kind, vtrix_status,
};
use crate::text::vtrix_str;

/// What a function body returns.
pub(crate) type Fallible<T> = Result<T, Failure>;

/// A failure on its way out.
pub(crate) struct Failure {
    cause: Cause,
    /// What drives the command that it names.
    engine: Option<Arc<Engine>>,
    /// Of a call that was ended from outside, which the core can't tell of any more.
    ended: Ended,
}

/// What is known of a call that was ended from outside.
#[derive(Clone, Copy, Default)]
struct Ended {
    operation: Option<&'static str>,
    may_have_run: Option<bool>,
}

enum Cause {
    Core(Error),
    Own(vtrix_status, Cow<'static, str>),
}

impl Failure {
    pub(crate) fn own(status: vtrix_status, message: impl Into<Cow<'static, str>>) -> Self {
        Self { cause: Cause::Own(status, message.into()), engine: None, ended: Ended::default() }
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::own(VTRIX_STATUS_INVALID_ARGUMENT, message)
    }

    pub(crate) fn null(name: &str) -> Self {
        Self::invalid(format!("{name} is NULL"))
    }

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::own(VTRIX_STATUS_INTERNAL, message)
    }

    pub(crate) fn panicked() -> Self {
        Self::internal("the library panicked: this is a bug of its")
    }

    pub(crate) fn status(&self) -> vtrix_status {
        match &self.cause {
            Cause::Core(error) => of_kind(error.kind()),
            Cause::Own(status, _) => *status,
        }
    }

    /// It ended a call from outside: `operation`, which may have had its effect or can't have.
    pub(crate) fn ended(mut self, operation: Option<&'static str>, may_have_run: bool) -> Self {
        self.ended = Ended { operation, may_have_run: operation.map(|_| may_have_run) };
        self
    }

    /// Says what it is about.
    pub(crate) fn about(mut self, what: Option<&str>) -> Self {
        if let (Cause::Own(_, message), Some(what)) = (&mut self.cause, what) {
            *message = format!("{what}: {message}").into();
        }
        self
    }

    /// It came of a call that `engine` drove.
    pub(crate) fn of(mut self, engine: &Arc<Engine>) -> Self {
        self.engine = Some(engine.clone());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { cause: Cause::Core(error), engine: None, ended: Ended::default() }
    }
}

/// What went wrong. A value: it never changes, any thread may read it, and it holds nothing open.
///
/// Functions: `vtrix_error_status`, `vtrix_error_message`, `vtrix_error_text`,
/// `vtrix_error_operation`, `vtrix_error_code`, `vtrix_error_http_status`,
/// `vtrix_error_request_id`, `vtrix_error_retryable`, `vtrix_error_retry_after_ms`,
/// `vtrix_error_may_have_run`, `vtrix_error_command`, `vtrix_error_failures_len`,
/// `vtrix_error_failure_path`, `vtrix_error_failure`, `vtrix_error_saved_len`,
/// `vtrix_error_saved_path`, `vtrix_error_saved_local`, `vtrix_error_free`.
pub struct vtrix_error {
    failure: Failure,
    text: String,
    command: Option<Box<vtrix_finished>>,
    failures: Vec<(String, vtrix_error)>,
}

impl vtrix_error {
    pub(crate) fn new(failure: Failure) -> Self {
        let (text, command, failures) = match &failure.cause {
            Cause::Own(_, message) => {
                let operation = failure.ended.operation.map(|name| format!("{name}: "));
                (operation.unwrap_or_default() + message, None, Vec::new())
            }
            Cause::Core(error) => {
                let engine = &failure.engine;
                let command = error
                    .command()
                    .map(|command| Box::new(vtrix_finished::new(command.clone(), engine.clone())));
                let part = |error: &Error| {
                    Self::new(Failure { engine: engine.clone(), ..error.clone().into() })
                };
                let failures = error.failures().iter();
                let failures = failures.map(|(path, error)| (path.clone(), part(error))).collect();
                (explained(error), command, failures)
            }
        };
        Self { failure, text, command, failures }
    }

    pub(crate) fn into_raw(failure: Failure) -> *mut Self {
        Unique::into_raw(Self::new(failure))
    }

    fn core(&self) -> Option<&Error> {
        match &self.failure.cause {
            Cause::Core(error) => Some(error),
            Cause::Own(..) => None,
        }
    }
}

impl Handle for vtrix_error {
    const NAME: &'static str = "error";
}

impl Unique for vtrix_error {}

/// The error and what caused it, in one line.
fn explained(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let said = source.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = source.source();
    }
    text
}

/// Reads from an error that may be NULL.
///
/// # Safety
///
/// `error` is NULL or live while the result is used.
unsafe fn read<'a, T>(
    error: *const vtrix_error,
    nothing: T,
    get: impl FnOnce(&'a vtrix_error) -> Option<T>,
) -> T
where
    T: Copy,
{
    guard_value(nothing, || {
        // SAFETY: as this function's.
        unsafe { error.as_ref() }.and_then(get).unwrap_or(nothing)
    })
}

/// The status that the failing function returned.
///
/// \param error borrowed; NULL gives `VTRIX_STATUS_OK`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_status(error: *const vtrix_error) -> vtrix_status {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, VTRIX_STATUS_OK, |error| Some(error.failure.status())) }
}

/// What happened, for people: without the operation. Borrowed from the error.
///
/// \param error borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_message(error: *const vtrix_error) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| {
            Some(vtrix_str::lend(match &error.failure.cause {
                Cause::Core(error) => error.message(),
                Cause::Own(_, message) => message,
            }))
        })
    }
}

/// Operation, message, request and causes in one line, for people and logs. Borrowed from the
/// error.
///
/// \param error borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_text(error: *const vtrix_error) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, vtrix_str::EMPTY, |error| Some(vtrix_str::lend(&error.text))) }
}

/// The operation that failed, such as `read`; empty where none did. Borrowed from the error.
///
/// \param error borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_operation(error: *const vtrix_error) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| {
            let operation = error.core().and_then(Error::operation);
            operation.or(error.failure.ended.operation).map(vtrix_str::lend)
        })
    }
}

/// The gateway's own number: a JSON-RPC code, or the envelope's `code`; 0 where there is none.
///
/// \param error borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_code(error: *const vtrix_error) -> i64 {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, 0, |error| error.core()?.code()) }
}

/// The HTTP status, where the error came with one; 0 otherwise.
///
/// \param error borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_http_status(error: *const vtrix_error) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, 0, |error| error.core()?.http_status().map(i32::from)) }
}

/// The request's name in the gateway's log; empty where the gateway gave none. Borrowed from the
/// error.
///
/// \param error borrowed; NULL gives the empty text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_request_id(error: *const vtrix_error) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| error.core()?.request_id().map(vtrix_str::lend))
    }
}

/// Whether the same call, made again, may succeed without anything happening twice.
///
/// \param error borrowed; NULL gives false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_retryable(error: *const vtrix_error) -> bool {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, false, |error| error.core().map(Error::retryable)) }
}

/// When the gateway asks to be called again at the earliest, in milliseconds from the error on; 0
/// where it did not say.
///
/// \param error borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_retry_after_ms(error: *const vtrix_error) -> u64 {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, 0, |error| {
            Some(u64::try_from(error.core()?.retry_after()?.as_millis()).unwrap_or(u64::MAX))
        })
    }
}

/// Whether the call may have had its effect: 0 is a promise that it had none, 1 is yes, -1 means
/// that the status says it all.
///
/// \param error borrowed; NULL gives -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_may_have_run(error: *const vtrix_error) -> i32 {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, -1, |error| {
            let told = error.core().and_then(Error::may_have_run);
            told.or(error.failure.ended.may_have_run).map(i32::from)
        })
    }
}

/// Of a command that timed out or whose connection was lost: as far as it is known, with the
/// output received. Borrowed from the error, NULL for other errors.
///
/// \param error borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_command(error: *const vtrix_error) -> *const vtrix_finished {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, std::ptr::null(), |error| error.command.as_deref().map(std::ptr::from_ref))
    }
}

/// Of `VTRIX_STATUS_PARTIAL`: how many files failed.
///
/// \param error borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_failures_len(error: *const vtrix_error) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, 0, |error| Some(error.failures.len())) }
}

/// The path of a file that failed. Borrowed from the error.
///
/// \param error borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_error_failures_len` - 1; past that the text is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_failure_path(
    error: *const vtrix_error,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| {
            error.failures.get(index).map(|(path, _)| vtrix_str::lend(path))
        })
    }
}

/// Why a file failed. Borrowed from the error.
///
/// \param error borrowed; NULL gives NULL.
/// \param index 0 to `vtrix_error_failures_len` - 1; past that the result is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_failure(
    error: *const vtrix_error,
    index: usize,
) -> *const vtrix_error {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, std::ptr::null(), |error| {
            error.failures.get(index).map(|(_, error)| std::ptr::from_ref(error))
        })
    }
}

/// Of `VTRIX_STATUS_PARTIAL` from a download: how many files are there, or are known not to exist.
///
/// \param error borrowed; NULL gives 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_saved_len(error: *const vtrix_error) -> usize {
    // SAFETY: NULL or live, as documented.
    unsafe { read(error, 0, |error| error.core().map(|error| error.saved().len())) }
}

/// The path, in the sandbox, of a file that is there. Borrowed from the error.
///
/// \param error borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_error_saved_len` - 1; past that the text is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_saved_path(
    error: *const vtrix_error,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| {
            error.core()?.saved().get(index).map(|(path, _)| vtrix_str::lend(path))
        })
    }
}

/// Where a file was saved; empty if the sandbox has no such file. Borrowed from the error.
///
/// \param error borrowed; NULL gives the empty text.
/// \param index 0 to `vtrix_error_saved_len` - 1; past that the text is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_saved_local(
    error: *const vtrix_error,
    index: usize,
) -> vtrix_str {
    // SAFETY: NULL or live, as documented.
    unsafe {
        read(error, vtrix_str::EMPTY, |error| {
            error.core()?.saved().get(index)?.1.as_deref().map(vtrix_str::lend)
        })
    }
}

/// Lets go of an error, with everything that is borrowed from it.
///
/// \param error owned; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_error_free(error: *mut vtrix_error) {
    // SAFETY: NULL or the caller's, as documented.
    guard_value((), || unsafe { free_unique(error) });
}
