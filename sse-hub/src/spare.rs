//! Gives back the memory of what once was far larger. What that moves is no more than has come and gone meanwhile.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use slab::Slab;

pub(crate) fn of_queue<T>(queue: &mut VecDeque<T>) {
    if queue.len() <= queue.capacity() / 4 {
        queue.shrink_to(queue.len() * 2);
    }
}

pub(crate) fn of_map<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.len() <= map.capacity() / 4 {
        map.shrink_to(map.len() * 2);
    }
}

/// What is left keeps its place, and so the places before it; it is tried each time that half of it has gone.
pub(crate) fn of_slab<T>(slab: &mut Slab<T>) {
    if slab.len() <= slab.capacity() / 4 && (slab.is_empty() || slab.len().is_power_of_two()) {
        slab.shrink_to_fit();
    }
}
