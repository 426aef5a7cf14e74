//! The task that looks at each connection from time to time: at those whose client does not read, and at those to whom
//! nothing has happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::EndReason;
use crate::core::Core;
use crate::live::Live;

/// In how many parts the connections are looked at, so that they are not all looked at, and woken, at once.
const PARTS: usize = 64;

pub(crate) async fn sweep(core: Arc<Core>) {
    let settings = &core.settings;
    let round = settings.position_interval.min(settings.stall) / 2;
    let beat = (round / PARTS as u32).max(Duration::from_millis(1));
    let stall = settings.stall.as_nanos().div_ceil(beat.as_nanos());
    let stall = u32::try_from(stall).unwrap_or(u32::MAX).max(1);
    for part in (0..PARTS).cycle() {
        sleep(beat).await;
        let now = core.window.next_beat();
        for live in core.connections.part(part, PARTS) {
            look(&core, &live, now, stall);
        }
        if part == 0 {
            core.pages.expire();
        }
    }
}

fn look(core: &Core, live: &Arc<Live>, now: u32, stall: u32) {
    if live.waits_for(now) >= stall && live.cursor().may_have_more(&core.window) {
        return core.end(live, EndReason::Stalled);
    }
    if !live.was_active() && live.cursor().has_moved_on(core.window.now()) {
        live.repeat();
    }
}
