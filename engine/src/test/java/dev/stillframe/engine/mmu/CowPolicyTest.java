package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.OLD;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static dev.stillframe.engine.mmu.Machine.done;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What each rule of copy-on-write does where they differ. */
class CowPolicyTest {
    private final byte[] data = new byte[PAGE];

    /** A page of one's own, read through a pin, then written. */
    @ParameterizedTest
    @CsvSource({
        "PRE,          false, P--WX, 1",
        "FORCED_WRITE, true,  P---X, 0",
        "V2,           false, P--WX, 0", // the bit is still set, but the page is writable: the
        // write is lost
        "V3,           false, P--WX, 1",
        "PAGECOUNT,    false, P--WX, 1",
        "MODERN,       false, P--WX, 1",
    })
    void aWriteAfterADirectReadOfAnUnsharedPage(
            CowPolicy policy, boolean readParks, String bits, int messages) {
        Machine m = new Machine(policy);
        long page = m.guarded(1);
        long frame = m.frame(page);
        readAndWrite(m, page, readParks, bits, messages);
        assertThat(m.frame(page)).as("nobody needed a copy").isEqualTo(frame);
    }

    /** A page that a child shares. */
    @ParameterizedTest
    @CsvSource({
        "PRE,          false, P--W-, 1, false",
        "FORCED_WRITE, true,  P---X, 0, true",
        "V2,           false, P---X, 0, true", // writable, and the protection forgotten
        "V3,           false, P--WX, 1, true",
        "PAGECOUNT,    false, P--W-, 1, false",
        "MODERN,       false, P--WX, 1, true",
    })
    void aWriteAfterADirectReadOfASharedPage(
            CowPolicy policy, boolean readParks, String bits, int messages, boolean readCopies) {
        Machine m = new Machine(policy);
        long page = m.guarded(1);
        EmulatedProcess child = m.fork();
        long shared = m.frame(page);
        assertThat(m.task.transfers().directWrite(page, data) instanceof Outcome.Parked)
                .isEqualTo(readParks);
        if (readParks) {
            m.expectWrite(page);
            m.unprotect(page, 1);
        }
        assertThat(m.task.outcome()).isEqualTo(done(PAGE));
        assertThat(m.bits(page)).isEqualTo(bits);
        long afterRead = m.frame(page);
        assertThat(afterRead != shared).isEqualTo(readCopies);
        m.expectSilence();
        store(m, page, messages);
        assertThat(m.frame(page) != afterRead).isEqualTo(!readCopies);
        assertThat(child.peek(page, 1)).containsExactly(OLD);
    }

    private void readAndWrite(Machine m, long page, boolean readParks, String bits, int messages) {
        assertThat(m.task.transfers().directWrite(page, data) instanceof Outcome.Parked)
                .isEqualTo(readParks);
        if (readParks) {
            m.expectWrite(page);
            m.unprotect(page, 1);
        }
        assertThat(m.task.outcome()).isEqualTo(done(PAGE));
        m.expectSilence();
        assertThat(m.bits(page)).isEqualTo(bits);
        store(m, page, messages);
    }

    private static void store(Machine m, long page, int messages) {
        if (messages == 1) {
            m.expectToldStore(page);
        } else {
            m.expectSilentStore(page);
        }
    }

    /** A reference, not a pin: debuggers and pipes. */
    @ParameterizedTest
    @EnumSource(CowPolicy.class)
    void aReferenceToASharedPageCopiesUnderTheThreeThatBreakOnRead(CowPolicy policy) {
        Machine m = new Machine(policy);
        long page = m.guarded(1);
        m.fork();
        long shared = m.frame(page);
        PageHold pipe = m.task.transfers().pipe(page);
        boolean parked = m.task.transfers().vmsplice(page, PAGE, pipe) instanceof Outcome.Parked;
        assertThat(parked).isEqualTo(policy == CowPolicy.FORCED_WRITE);
        boolean copies = policy == CowPolicy.V2 || policy == CowPolicy.V3;
        assertThat(m.frame(page) != shared).isEqualTo(copies);
        if (!parked) {
            m.expectSilence();
            store(m, page, policy == CowPolicy.V2 ? 0 : 1);
            assertThat(m.frame(page)).isNotEqualTo(shared);
        }
    }

    /** A child keeps a reference to a shared page and unmaps it; then the parent writes. */
    @ParameterizedTest
    @EnumSource(CowPolicy.class)
    void onlyTheOldestRuleLetsAChildSeeTheParentsWrite(CowPolicy policy) {
        Machine m = new Machine(policy);
        long page = m.guarded(1);
        EmulatedProcess child = m.fork();
        PageHold pipe = child.task().transfers().pipe(page);
        assertThat(child.task().transfers().vmsplice(page, PAGE, pipe)).isEqualTo(done(PAGE));
        child.task().memory().unmap(page, PAGE);
        m.expectToldStore(page);
        assertThat(pipe.read(1)[0]).isEqualTo(policy == CowPolicy.PRE ? NEW : OLD);
    }

    /** A pin for reading that outlives the write. */
    @ParameterizedTest
    @EnumSource(CowPolicy.class)
    void onlyCountingReferencesTakesAPinnedPageAwayFromItsOwner(CowPolicy policy) {
        Machine m = new Machine(policy);
        long page = m.filled(1);
        PageHold pin = m.task.transfers().buffer(page);
        m.task.transfers().register(page, PAGE, false, pin);
        m.protect(page, 1);
        m.expectToldStore(page);
        assertThat(pin.read(1)[0]).isEqualTo(policy == CowPolicy.PAGECOUNT ? OLD : NEW);
    }

    /** Reads that are not by reference never depend on the rule. */
    @ParameterizedTest
    @EnumSource(CowPolicy.class)
    void loadsAndBufferedWritesAreSilent(CowPolicy policy) {
        Machine m = new Machine(policy);
        long page = m.guarded(1);
        m.fork();
        long frame = m.frame(page);
        assertThat(m.task.load(page, 1)).isEqualTo(done(OLD));
        assertThat(m.task.transfers().write(page, data)).isEqualTo(done(PAGE));
        m.expectSilence();
        assertThat(m.frame(page)).isEqualTo(frame);
        m.expectToldStore(page);
    }

    @ParameterizedTest
    @EnumSource(CowPolicy.class)
    void aGrabEndsUnderEveryRuleWhereTheProgramMayOnlyRead(CowPolicy policy) {
        Machine m = new Machine(policy);
        long page = m.filled(2);
        m.fork();
        m.task.memory().protect(page, 2 * PAGE, true, false);
        m.task.transfers().directWrite(page, data);
        m.task.transfers().directWrite(page, data);
        assertThat(m.task.outcome()).isEqualTo(done(PAGE));
        assertThat(data[0]).isEqualTo(OLD);
    }

    @Test
    void theHandlerItselfParksUnderForcedWrites() {
        Machine m = new Machine(CowPolicy.FORCED_WRITE);
        long page = m.guarded(1);
        Task handler = m.process.newTask();
        assertThat(handler.transfers().directWrite(page, data)).isInstanceOf(Outcome.Parked.class);
        m.mmu.settle();
        assertThat(m.mmu.parked()).containsExactly(handler);
    }
}
