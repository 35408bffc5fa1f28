// SPDX-License-Identifier: GPL-2.0-only
//! What Rust has for the threads of one process, as functions of the same form as
//! those of the other peers (see bench.h).
use crossbeam_utils::atomic::AtomicCell;
use std::arch::asm;

type Forty = [u64; 5];

/// What the compiler must not leave out (std::hint::black_box() is not in Debian 12's).
#[inline(always)]
fn black_box<T>(value: T) -> T {
    // SAFETY: the code is empty.
    unsafe { asm!("/* {0} */", in(reg) &value, options(nostack)) };
    value
}

pub struct State {
    std_mutex: std::sync::Mutex<u64>,
    lot_mutex: parking_lot::Mutex<u64>,
    lot_reentrant: parking_lot::ReentrantMutex<u64>,
    std_rwlock: std::sync::RwLock<u64>,
    lot_rwlock: parking_lot::RwLock<u64>,
    std_once: std::sync::Once,
    lot_once: parking_lot::Once,
    eight: AtomicCell<u64>,
    forty: AtomicCell<Forty>,
}

#[no_mangle]
pub extern "C" fn rust_new() -> *const State {
    let state = State {
        std_mutex: Default::default(),
        lot_mutex: Default::default(),
        lot_reentrant: parking_lot::ReentrantMutex::new(0),
        std_rwlock: Default::default(),
        lot_rwlock: Default::default(),
        std_once: std::sync::Once::new(),
        lot_once: parking_lot::Once::new(),
        eight: AtomicCell::new(0),
        forty: AtomicCell::new([0; 5]),
    };
    state.std_once.call_once(|| ());
    state.lot_once.call_once(|| ());
    Box::into_raw(Box::new(state))
}

macro_rules! run {
    ($name:ident, $state:ident, $work:expr) => {
        /// # Safety
        /// The pointer is what rust_new() returned.
        #[no_mangle]
        pub unsafe extern "C" fn $name(state: *const State, count: u64) {
            let $state = &*state;
            for _ in 0..count {
                $work;
                black_box(());
            }
        }
    };
}

macro_rules! lock {
    ($run:ident, $change:ident, $state:ident, $lock:expr, |$guard:ident| $look:expr) => {
        run!($run, $state, drop(black_box($lock)));
        run!($change, $state, {
            #[allow(unused_mut)]
            let mut $guard = $lock;
            $look;
        });
    };
}

lock!(rust_mutex_std_run, rust_mutex_std_change, s, s.std_mutex.lock().unwrap(), |g| *g += 1);
lock!(rust_mutex_parking_lot_run, rust_mutex_parking_lot_change, s, s.lot_mutex.lock(), |g| *g +=
    1);
lock!(rust_read_std_run, rust_read_std_change, s, s.std_rwlock.read().unwrap(), |g| black_box(*g));
lock!(rust_read_parking_lot_run, rust_read_parking_lot_change, s, s.lot_rwlock.read(), |g| {
    black_box(*g)
});
lock!(rust_write_std_run, rust_write_std_change, s, s.std_rwlock.write().unwrap(), |g| *g += 1);
lock!(rust_write_parking_lot_run, rust_write_parking_lot_change, s, s.lot_rwlock.write(), |g| *g +=
    1);
run!(rust_reentrant_run, s, drop(black_box(s.lot_reentrant.lock())));
run!(rust_once_std_run, s, s.std_once.call_once(|| ()));
run!(rust_once_parking_lot_run, s, s.lot_once.call_once(|| ()));
run!(rust_cell_load8_run, s, black_box(s.eight.load()));
run!(rust_cell_store8_run, s, s.eight.store(black_box(1)));
run!(rust_cell_load40_run, s, black_box(s.forty.load()));
run!(rust_cell_store40_run, s, s.forty.store(black_box([1; 5])));
