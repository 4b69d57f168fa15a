//! Envoy's threads: what each remembers, its streams under way, and how others reach it.

use std::{
    cell::{Cell, RefCell},
    mem,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use slab::Slab;
use tollgate_filter::{Part, Service, Worker};
use tollgate_native_host::{self as host, StreamId, StreamScheduler, abi::FilterPtr};

use crate::configs::{self, Config};

thread_local! {
    static HERE: Here = Here::new();
}

static THREADS: Mutex<Vec<Weak<Thread>>> = Mutex::new(Vec::new());

/// What other threads see of a thread.
#[derive(Default)]
struct Thread {
    worker: Arc<Worker>,
    /// Streams that are to be reset: the thread's own business.
    cut: Mutex<Vec<StreamId>>,
    /// The way there: through the stream that stands for it. None where there are no streams.
    way: Mutex<Option<StreamScheduler>>,
}

struct Here {
    thread: Arc<Thread>,
    under_way: RefCell<Slab<(u64, FilterPtr)>>,
    /// The next stream's number.
    next: Cell<u64>,
    /// The place of the stream that stands for this thread.
    stands: Cell<Option<usize>>,
    services: RefCell<Vec<(u64, Rc<Service>)>>,
}

impl Here {
    fn new() -> Self {
        let thread = Arc::new(Thread::default());
        let mut threads = lock(&THREADS);
        threads.retain(|thread| thread.strong_count() > 0);
        threads.push(Arc::downgrade(&thread));
        Self {
            thread,
            under_way: RefCell::default(),
            next: Cell::new(0),
            stands: Cell::new(None),
            services: RefCell::default(),
        }
    }

    /// Has a stream stand for this thread.
    #[allow(unsafe_code, reason = "a scheduler is made of a stream")]
    fn lead_through(&self, stream: Option<(usize, FilterPtr)>) {
        self.stands.set(stream.map(|(place, _)| place));
        // SAFETY: the stream is on this thread's list: it is this worker's, and was not destroyed.
        *lock(&self.thread.way) = stream.and_then(|(_, filter)| unsafe { StreamScheduler::new(filter) });
    }

    fn service(&self, config: &Config) -> Rc<Service> {
        let mut services = self.services.borrow_mut();
        if let Some((_, service)) = services.iter().rev().find(|(number, _)| *number == config.number) {
            return Rc::clone(service);
        }
        services.retain(|(number, _)| configs::is_live(*number));
        let service = Rc::new(Service::new(Arc::clone(&config.configured), Arc::clone(&self.thread.worker)));
        services.push((config.number, Rc::clone(&service)));
        service
    }
}

/// The configuration on the calling thread.
pub(crate) fn service(config: &Config) -> Rc<Service> {
    HERE.with(|here| here.service(config))
}

/// Notes a stream of the calling thread.
pub(crate) fn begin(filter: FilterPtr) -> StreamId {
    HERE.with(|here| {
        let number = here.next.replace(here.next.get().wrapping_add(1));
        let place = here.under_way.borrow_mut().insert((number, filter));
        if here.stands.get().is_none() {
            here.lead_through(Some((place, filter)));
        }
        StreamId { place, number }
    })
}

/// A stream of the calling thread is over.
pub(crate) fn end(stream: StreamId) {
    HERE.with(|here| {
        let mut under_way = here.under_way.borrow_mut();
        under_way.try_remove(stream.place);
        if here.stands.get() == Some(stream.place) {
            here.lead_through(under_way.iter().next().map(|(place, (_, filter))| (place, *filter)));
        }
    });
}

/// Resets what other threads noted to be reset here, as far as it is still under way.
#[allow(unsafe_code, reason = "a host's function")]
pub(crate) fn cut_off() {
    HERE.with(|here| {
        let cut = mem::take(&mut *lock(&here.thread.cut));
        for StreamId { place, number } in cut {
            let filter =
                here.under_way.borrow().get(place).filter(|(other, _)| *other == number).map(|(_, filter)| *filter);
            if let Some(filter) = filter {
                // SAFETY: the stream is on this thread's list: it is this worker's, and was not destroyed.
                unsafe { host::reset_stream(filter) };
            }
        }
    });
}

/// Does what is due for every thread of this Envoy. On the main thread, which speaks for all.
pub(crate) fn tick(config: &Config) {
    let here = HERE.with(|here| Arc::clone(&here.thread));
    let threads: Vec<_> = lock(&THREADS).iter().filter_map(Weak::upgrade).collect();
    // This thread leads: one that followed now and then would begin its books anew each time.
    for thread in threads.into_iter().filter(|thread| !Arc::ptr_eq(thread, &here)) {
        let service = Service::new(Arc::clone(&config.configured), Arc::clone(&thread.worker));
        let mut cut = lock(&thread.cut);
        cut.extend(service.tick(Part::Follows));
        // Again for what was noted before: an event is lost where the stream that it went through ended first.
        if !cut.is_empty()
            && let Some(way) = &*lock(&thread.way)
        {
            way.commit();
        }
    }
    let _none = service(config).tick(Part::MayLead);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
