package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.OLD;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import org.junit.jupiter.api.Test;

/** What happens to protection and to copy-on-write when memory is duplicated. */
class ForkTest {
    private final Machine m = new Machine();

    private static byte at(EmulatedProcess process, long address) {
        return process.peek(address, 1)[0];
    }

    @Test
    void theParentsWriteIsToldAndCopied() {
        long page = m.guarded(1);
        EmulatedProcess child = m.fork();
        long frame = m.frame(page);
        assertThat(child.bits(page)).hasToString("P----");
        m.expectToldStore(page);
        assertThat(m.frame(page)).isNotEqualTo(frame);
        assertThat(at(child, page)).isEqualTo(OLD);
        child.task().store(page, 'c', 1);
        m.expectSilence();
    }

    @Test
    void aPageThatIsTheLastUsersIsReused() {
        long page = m.filled(1);
        EmulatedProcess child = m.fork();
        m.protect(page, 1);
        child.exit();
        long frame = m.frame(page);
        m.expectToldStore(page);
        assertThat(m.frame(page)).isEqualTo(frame);
    }

    @Test
    void copyOnWriteWithoutProtectionIsSilent() {
        long page = m.guarded(1);
        EmulatedProcess child = m.fork();
        long frame = m.frame(page);
        m.unprotect(page, 1);
        m.expectSilentStore(page);
        assertThat(m.frame(page)).isNotEqualTo(frame);
        assertThat(at(child, page)).isEqualTo(OLD);
    }

    @Test
    void untilTheForkWasReadTheContextAnswersTryAgain() {
        Machine told = new Machine(Feature.EVENT_FORK);
        long page = told.guarded(1);
        assertThat(told.task.memory().fork()).isInstanceOf(Outcome.Parked.class);
        assertThat(told.uffd.protect(page, PAGE)).isEqualTo(-Errno.EAGAIN.number());
        assertThat(told.uffd.fill().copy(page, new byte[PAGE], 0))
                .isEqualTo(new Fill.Filled(-Errno.EAGAIN.number(), -Errno.EAGAIN.number()));
        Message.Fork event = (Message.Fork) told.messages().getFirst();
        told.mmu.settle();
        EmulatedProcess child = told.mmu.process(((Outcome.Done) told.task.outcome()).value());
        told.protect(page, 1);
        assertThat(child.bits(page)).hasToString("P--W-");
        child.task().store(page, NEW, 1);
        told.expectSilence();
        assertThat(event.child().drain()).hasSize(1);
        assertThat(event.child().unprotect(page, PAGE)).isZero();
        told.mmu.settle();
        assertThat(at(child, page)).isEqualTo(NEW);
        assertThat(told.at(page)).isEqualTo(OLD);
        child.exit();
        assertThat(event.child().protect(page, PAGE)).isEqualTo(-Errno.ESRCH.number());
    }

    @Test
    void aForkWhoseParentIsKilledMeanwhileHasNoChild() {
        Machine told = new Machine(Feature.EVENT_FORK);
        long page = told.guarded(1);
        Task forking = told.process.newTask();
        forking.memory().fork();
        forking.kill();
        told.expectSilence();
        told.expectToldStore(page);
        assertThat(told.mmu.process(forking.id() + 1L).isAlive()).isFalse();
    }

    @Test
    void closingInTheOnlyProcessDoesNotFreeAForkThatNobodyReads() {
        Machine told = new Machine(Feature.EVENT_FORK);
        told.guarded(1);
        told.task.memory().fork();
        told.uffd.close();
        told.mmu.settle();
        assertThat(told.task.isParked())
                .as("the child that is being made holds the context")
                .isTrue();
    }

    @Test
    void anotherProcessInTheSameMemoryIsNoEventAndIsToldByName() {
        Machine told = new Machine(Feature.EVENT_FORK, Feature.THREAD_ID);
        long page = told.guarded(1);
        told.task.memory().cloneInSameMemory();
        EmulatedProcess child = told.mmu.process(((Outcome.Done) told.task.outcome()).value());
        child.task().store(page, NEW, 1);
        assertThat(told.messages())
                .containsExactly(new Message.Fault(page, true, true, false, child.id()));
        child.exit();
        assertThat(told.bits(page)).isEqualTo("P--WX");
    }

    @Test
    void aMarkerGoesToTheChildOnlyWithTheEvent() {
        Machine silent = new Machine(Feature.WP_UNPOPULATED);
        long page = silent.process.mapAnonymous(PAGE);
        silent.register(page, 1, Machine.WP);
        silent.protect(page, 1);
        assertThat(silent.fork().bits(page)).hasToString("-----");
        assertThat(silent.bits(page)).isEqualTo("-S-W-");
        Machine told = new Machine(Feature.WP_UNPOPULATED, Feature.EVENT_FORK);
        long other = told.process.mapAnonymous(PAGE);
        told.register(other, 1, Machine.WP);
        told.protect(other, 1);
        told.task.memory().fork();
        told.messages();
        told.mmu.settle();
        EmulatedProcess child = told.mmu.process(((Outcome.Done) told.task.outcome()).value());
        assertThat(child.bits(other)).hasToString("-S-W-");
    }

    @Test
    void whatTheChildDoesNotGetStaysProtectedInTheParent() {
        long start = m.guarded(2);
        m.task.memory().advise(start, PAGE, Advice.DONTFORK);
        m.task.memory().advise(start + PAGE, PAGE, Advice.WIPEONFORK);
        EmulatedProcess child = m.fork();
        assertThat(child.task().load(start, 1))
                .isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGSEGV));
        assertThat(child.task().load(start + PAGE, 1)).isEqualTo(Machine.done(0));
        assertThat(m.bits(start)).isEqualTo("P--WX");
        assertThat(m.bits(start + PAGE)).isEqualTo("P--WX");
    }

    @Test
    void aPinnedPageIsCopiedForTheChildAtOnce() {
        long page = m.filled(1);
        PageHold pin = m.task.transfers().buffer(page);
        m.task.transfers().register(page, PAGE, true, pin);
        m.protect(page, 1);
        EmulatedProcess child = m.fork();
        assertThat(child.bits(page)).hasToString("P---X");
        m.expectToldStore(page);
        assertThat(pin.read(1)).containsExactly(NEW);
        assertThat(at(child, page)).isEqualTo(OLD);
    }

    @Test
    void swappedPagesStaySharedUntilWritten() {
        long page = m.guarded(1);
        EmulatedProcess child = m.fork();
        m.mmu.reclaim(m.process, page, PAGE);
        assertThat(m.bits(page)).isEqualTo("-S-W-");
        assertThat(child.bits(page)).hasToString("-S---");
        m.expectToldStore(page);
        assertThat(child.task().load(page, 1)).isEqualTo(Machine.done(OLD));
    }
}
