//! What a user of an adapter can name.

use std::collections::BTreeSet;

/// The names that a crate gives, as its `lib.rs` lists them.
fn names(lib: &str) -> BTreeSet<&str> {
    let lists = lib.split("\npub use ").skip(1).filter_map(|it| Some(it.split_once(';')?.0));
    let words = lists.flat_map(|list| {
        let names = list.split_once('{').map_or_else(
            || list.rsplit("::").next().unwrap_or_default(),
            |(_, names)| names.trim_end_matches('}'),
        );
        names.split(',').map(str::trim).filter(|name| !name.is_empty())
    });
    words.collect()
}

#[test]
fn both_adapters_have_one_surface_but_for_tower() {
    let axum = names(include_str!("../../sse-axum/src/lib.rs"));
    let actix = names(include_str!("../../sse-actix/src/lib.rs"));
    assert!(axum.len() > 15 && axum.contains("Sse") && axum.contains("Lifecycle"), "{axum:?}");
    assert_eq!(axum.difference(&actix).count(), 0, "{axum:?} {actix:?}");
    let only_actix: Vec<_> = actix.difference(&axum).copied().collect();
    assert_eq!(only_actix, ["RequestBody", "tower", "tower_with"]);
}
