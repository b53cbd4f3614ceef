//! Taking the configuration out of the process's arguments.
//!
//! It came as an argument and holds paths of the host and values of variables; the arguments of
//! PID 1 can be read by anyone inside, and those of the process outside by anyone on the host.

use std::fs;

/// What is left of them: where the program lies on the host is nobody's business inside either.
const NAME: &[u8] = b"vtrix-executor";

/// Overwrites the arguments of the calling process by the program's name.
///
/// Nothing may read the process's arguments afterwards. Where the kernel does not tell where they
/// are, they stay.
pub(crate) fn scrub() {
    let Some((start, end)) = range() else { return };
    // SAFETY: the kernel says that the arguments of this very process are here: its own writable
    // stack memory, which nothing refers to but the strings of `argv`, read by no one after this.
    let bytes = unsafe {
        std::slice::from_raw_parts_mut(
            std::ptr::with_exposed_provenance_mut::<u8>(start),
            end - start,
        )
    };
    bytes.fill(0);
    for (to, from) in bytes.iter_mut().zip(NAME) {
        *to = *from;
    }
}

/// Where the arguments start and end.
fn range() -> Option<(usize, usize)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; field 3 follows it.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(48 - 3);
    let start = fields.next()?.parse().ok()?;
    let end = fields.next()?.parse().ok()?;
    (start != 0 && start < end).then_some((start, end))
}
