//! The statements, each with its check and the bug that the check must find.

use crate::{Breach, Subject, beginning, fence, identity, mappings, removal, zombie};

/// One statement of the removal law.
pub struct Statement {
    /// 1 for I1.
    pub number: u8,
    /// In short.
    pub says: &'static str,
    /// Finds out whether a subject keeps it.
    pub check: fn(&dyn Subject) -> Result<(), Breach>,
    /// What a subject with the planted bug does instead ([`Planted`](crate::Planted)).
    pub bug: &'static str,
}

const fn statement(
    number: u8,
    says: &'static str,
    check: fn(&dyn Subject) -> Result<(), Breach>,
    bug: &'static str,
) -> Statement {
    Statement { number, says, check, bug }
}

/// All thirty-four.
pub const LAW: [Statement; 34] = [
    statement(1, "removal waits for no idle handle", removal::idle_handles, "it waits until all are closed"),
    statement(2, "removal wakes who sleeps", removal::sleepers, "it waits until they wake by themselves"),
    statement(3, "removal by a user, and from inside", removal::by_its_own_user, "from inside it waits for itself"),
    statement(4, "removal of one device only", removal::of_one_device_only, "it waits for calls on any device"),
    statement(5, "a blocked device can be removed", removal::while_blocked, "it cannot until it runs again"),
    statement(6, "who holds a removal up is named", removal::names_the_culprit, "nobody is named"),
    statement(7, "behind the fence nothing runs", fence::nothing_is_running, "removal does not wait"),
    statement(8, "and nothing ever starts", fence::nothing_ever_starts, "close calls the driver"),
    statement(9, "nobody enters after the mark", fence::nobody_enters_after_the_mark, "a call enters before the fence"),
    statement(10, "the steps have one order", fence::in_one_order, "the fence comes before the wake-up"),
    statement(11, "teardown is whole", fence::teardown_is_whole, "it is left out"),
    statement(12, "the last word comes after the drain", fence::the_last_word, "it comes first"),
    statement(13, "many removals are one", fence::many_removals_are_one, "a second one does not wait for the first"),
    statement(14, "nobody sleeps inside", fence::no_sleep_inside, "somebody does"),
    statement(15, "a zombie has one error", zombie::one_error, "a call has another"),
    statement(16, "a zombie claims no success", zombie::no_false_success, "a call does"),
    statement(17, "a call in flight has one answer", zombie::exactly_one_answer, "a call has none"),
    statement(18, "what was received stays readable", zombie::received_data_stays, "it is lost"),
    statement(19, "poll tells of the removal", zombie::poll_tells, "poll says what it said before"),
    statement(20, "nothing else hangs up", zombie::nothing_else_hangs_up, "poll hangs up after a signal"),
    statement(21, "watchers hear at the mark", zombie::watchers_hear_at_the_mark, "they hear when all have left"),
    statement(22, "close works, and touches nothing", zombie::close_works, "close fails"),
    statement(23, "one's own objects can go", zombie::own_objects_can_go, "they cannot"),
    statement(
        24,
        "mappings stay, and lead nowhere",
        mappings::check,
        "a zombie is mapped, or a mapping follows the name",
    ),
    statement(25, "no way makes a live handle", identity::no_way_back, "a handle can be opened again"),
    statement(26, "a handle never reaches another device", identity::never_another_device, "it follows the name"),
    statement(27, "numbers do not alias", identity::numbers_do_not_alias, "the lowest is given out"),
    statement(28, "the hardware is out of reach", identity::hardware_is_out_of_reach, "somebody keeps it"),
    statement(29, "memory lives as long as handles", identity::memory_of_handles, "it goes with the hardware"),
    statement(30, "the driver can go", identity::the_driver_can_go, "close calls it"),
    statement(31, "a handle can ask", beginning::handles_can_ask, "it does not learn why"),
    statement(32, "managed actions keep their lifetimes", identity::managed_actions, "one of the handles' runs early"),
    statement(33, "closing refuses new users", beginning::closing, "it does not"),
    statement(
        34,
        "the driver's errors, and what it notices",
        beginning::the_drivers_own_errors,
        "errors become removals",
    ),
];

#[cfg(test)]
mod tests {
    use super::LAW;

    #[test]
    fn each_statement_is_there_once() {
        assert!(LAW.iter().map(|statement| statement.number).eq(1..=34));
    }
}
