//! Runs a call one instruction at a time, on x86-64 Linux: while its trap flag is set, the processor raises SIGTRAP after
//! each instruction.

use std::arch::asm;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::Once;

/// The trap flag, in the flags register.
const TRAP_FLAG: i64 = 0x100;

/// A call that is under way, on the stack of the thread that is in it.
struct Call<'a> {
    /// The address that it returns to.
    end: Cell<i64>,
    each: &'a dyn Fn(usize) -> Next,
}

/// How a call goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Up to the next instruction.
    Step,
    /// At full speed, to its end or to where it calls [`resume`].
    #[allow(dead_code, reason = "not everybody who compiles this file wants it")]
    Run,
}

thread_local! {
    /// Constant-initialised and without a destructor: a signal handler may read it.
    static UNDER_WAY: Cell<*const Call<'static>> = const { Cell::new(std::ptr::null()) };
}

/// Calls `function`, and before each of its instructions `each` with the instruction's address: as often as instructions are
/// executed between the call and its return, the latter included, in this function and all that it calls.
///
/// `each` says whether the call goes on like that. It runs inside of a signal handler, so it may do only what a handler may: no
/// allocation, no lock, no panic.
pub(crate) fn step<T>(
    function: extern "C" fn(&T, u64),
    on: &T,
    argument: u64,
    each: &dyn Fn(usize) -> Next,
) {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(handle_traps);
    let call = Call {
        end: Cell::new(0),
        each,
    };
    UNDER_WAY.set((&raw const call).cast());
    // SAFETY: a call of `function` by the C convention with the two arguments that it takes, all that the convention lets it
    // change declared. The flags are set by way of the stack, which the block may use. The trap flag is set until the
    // handler clears it, on return from the call, and the handler finds `call`, which outlives that, and its `end`.
    unsafe {
        asm!(
            "lea rax, [rip + 2f]",
            "mov [{end}], rax",
            "pushfq",
            "or qword ptr [rsp], {flag}",
            "popfq",
            "call {function}",
            "2:",
            end = in(reg) call.end.as_ptr(),
            function = in(reg) function,
            flag = const TRAP_FLAG,
            out("rax") _,
            in("rdi") on,
            in("rsi") argument,
            clobber_abi("C"),
        );
    }
    UNDER_WAY.set(std::ptr::null());
}

/// From inside of a call that runs at full speed: goes on instruction by instruction.
#[allow(dead_code, reason = "not everybody who compiles this file wants it")]
pub(crate) fn resume() {
    if UNDER_WAY.get().is_null() {
        return;
    }
    // SAFETY: sets the trap flag by way of the stack, which the block may use; the handler knows the call and clears it.
    unsafe {
        asm!("pushfq", "or qword ptr [rsp], {flag}", "popfq", flag = const TRAP_FLAG);
    }
}

/// Installs [`trapped`] for the whole process; which call it is about it learns from its thread.
fn handle_traps() {
    // SAFETY: all zeroes are a valid sigaction: no flags, no signals blocked, the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = trapped;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO;
    // SAFETY: a valid action, whose handler has the signature that SA_SIGINFO asks for.
    let failed = unsafe { libc::sigaction(libc::SIGTRAP, &raw const action, null_mut()) };
    assert_eq!(failed, 0, "a handler for SIGTRAP");
}

extern "C" fn trapped(_signal: c_int, _info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: null, or the call that this very thread is in.
    let Some(call) = (unsafe { UNDER_WAY.get().as_ref() }) else {
        return;
    };
    // SAFETY: what SA_SIGINFO promises a handler, and nobody else uses it meanwhile.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    let next = registers[libc::REG_RIP as usize];
    if next == call.end.get() || (call.each)(next as usize) == Next::Run {
        registers[libc::REG_EFL as usize] &= !TRAP_FLAG;
    }
}
