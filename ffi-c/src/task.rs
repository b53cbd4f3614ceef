//! A call that goes on in the background, as something that can be cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::guard::guard_value;
use crate::handle::{Handle, Shared, free_shared, reference};
use crate::runtime::Engine;
use crate::watch::InHand;

/// A call that goes on in the background. Any thread may use it at any time.
///
/// Functions: `vtrix_task_cancel`, `vtrix_task_is_done`, `vtrix_task_used`, `vtrix_task_ref`,
/// `vtrix_task_free`.
pub struct vtrix_task {
    engine: Arc<Engine>,
    cancel: watch::Sender<bool>,
    done: Arc<AtomicBool>,
    in_hand: Option<Arc<InHand>>,
}

/// The call's own side of its task.
pub(crate) struct Control {
    cancel: watch::Receiver<bool>,
    done: Arc<AtomicBool>,
}

impl vtrix_task {
    pub(crate) fn new(engine: &Arc<Engine>, in_hand: Option<Arc<InHand>>) -> (Self, Control) {
        let (sender, cancel) = watch::channel(false);
        let done = Arc::new(AtomicBool::new(false));
        let control = Control { cancel, done: done.clone() };
        (Self { engine: engine.clone(), cancel: sender, done, in_hand }, control)
    }
}

impl Control {
    /// Ends once the task is cancelled; never, if it was let go of before.
    pub(crate) fn cancelled(&self) -> impl Future<Output = ()> + use<> {
        let mut cancel = self.cancel.clone();
        async move {
            if cancel.wait_for(|cancel| *cancel).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        *self.cancel.borrow()
    }

    pub(crate) fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }
}

impl Handle for vtrix_task {
    const NAME: &'static str = "task";

    fn forked(&self) -> bool {
        self.engine.forked()
    }
}

impl Shared for vtrix_task {
    fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

/// Cancels the call: its `on_done` comes with `VTRIX_STATUS_CANCELLED`, unless it was over
/// already. A command that was being waited for is killed. Does not wait; idempotent; after the
/// end it does nothing.
///
/// \param task borrowed; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_task_cancel(task: *const vtrix_task) {
    guard_value((), || {
        // SAFETY: NULL or live, as documented.
        if let Some(task) = unsafe { task.as_ref() }
            && !task.forked()
        {
            task.cancel.send_replace(true);
        }
    });
}

/// Whether the call is over: its `on_done` runs now, or has run.
///
/// \param task borrowed; NULL is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_task_is_done(task: *const vtrix_task) -> bool {
    guard_value(true, || {
        // SAFETY: NULL or live, as documented.
        let task = unsafe { task.as_ref() };
        task.is_none_or(|task| task.done.load(Ordering::Acquire))
    })
}

/// Says that the oldest `events` of those for which the call's event function returned `VTRIX_KEPT`
/// are done with, so that more may come; each is told once, if need be before that function has
/// returned. Does not wait.
///
/// \param task borrowed; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_task_used(task: *const vtrix_task, events: usize) {
    guard_value((), || {
        // SAFETY: NULL or live, as documented.
        if let Some(task) = unsafe { task.as_ref() }
            && !task.forked()
            && let Some(in_hand) = &task.in_hand
        {
            in_hand.used(events);
        }
    });
}

/// Counts one more reference to the task and returns it; each is freed by itself.
///
/// \param task borrowed; NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_task_ref(task: *const vtrix_task) -> *mut vtrix_task {
    // SAFETY: NULL or live, as documented.
    guard_value(std::ptr::null_mut(), || unsafe { reference(task) })
}

/// Lets go of the task. The call goes on.
///
/// \param task owned: one reference is given back; NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vtrix_task_free(task: *mut vtrix_task) {
    // SAFETY: NULL or a reference of the caller's, as documented.
    guard_value((), || unsafe { free_shared(task) });
}
