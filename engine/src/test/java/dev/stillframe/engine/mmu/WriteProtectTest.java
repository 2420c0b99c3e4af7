package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.MISSING;
import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static dev.stillframe.engine.mmu.Machine.WP;
import static dev.stillframe.engine.mmu.Machine.done;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Errno;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Messages, waking, protecting, registering: what needs one process and no sharing. */
class WriteProtectTest {
    private final Machine m = new Machine();

    private static long error(Errno errno) {
        return -errno.number();
    }

    @Test
    void aWriteIsToldOnceAndThenFree() {
        long page = m.guarded(1);
        assertThat(m.bits(page)).isEqualTo("P--WX");
        m.expectToldStore(page);
        assertThat(m.bits(page)).isEqualTo("P---X");
        m.expectSilentStore(page + 1);
    }

    @Test
    void aPageThatIsProtectedAgainIsToldAgain() {
        long page = m.guarded(1);
        m.expectToldStore(page);
        m.protect(page, 1);
        m.expectToldStore(page + 1);
    }

    @Test
    void oneUnprotectLetsAllWritersOfAPageGo() {
        long page = m.guarded(1);
        Task second = m.process.newTask();
        m.store(page);
        second.store(page + 1, NEW, 1);
        assertThat(m.messages()).hasSize(2);
        m.unprotect(page, 1);
        assertThat(m.mmu.parked()).isEmpty();
        assertThat(m.process.peek(page, 2)).containsExactly(NEW, NEW);
    }

    @Test
    void aFailingCompareAndSetIsAWrite() {
        long page = m.guarded(1);
        assertThat(m.task.compareAndSet(page, 'x', 'y', 4)).isInstanceOf(Outcome.Parked.class);
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.task.outcome()).isEqualTo(done(0));
        assertThat(m.at(page)).isEqualTo(Machine.OLD);
    }

    @Test
    void aStoreAcrossTwoPagesIsToldForEachAndWritesAllAtOnce() {
        long page = m.guarded(2);
        long address = page + PAGE - 3;
        m.task.store(address, 0x0807060504030201L, 8);
        m.expectWrite(page);
        m.unprotect(page, 1);
        m.expectWrite(page + PAGE);
        assertThat(m.process.peek(address, 3)).containsOnly(0);
        m.unprotect(page + PAGE, 1);
        assertThat(m.process.peek(address, 8)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
    }

    @Test
    void withoutWakingAWriterStaysUntilItIsWoken() {
        long page = m.guarded(1);
        m.store(page);
        assertThat(m.uffd.writeProtect(page, PAGE, 2)).isZero();
        m.mmu.settle();
        assertThat(m.task.isParked()).isTrue();
        assertThat(m.bits(page)).isEqualTo("P---X");
        m.uffd.wake(page, PAGE);
        m.mmu.settle();
        assertThat(m.task.outcome()).isEqualTo(Outcome.OK);
        assertThat(m.messages()).as("resolved before it was read").isEmpty();
    }

    @Test
    void wakingWithoutUnprotectingTellsAgain() {
        long page = m.guarded(1);
        m.store(page);
        m.expectWrite(page);
        m.uffd.wake(page, PAGE);
        m.mmu.settle();
        assertThat(m.task.isParked()).isTrue();
        m.expectWrite(page);
        assertThat(m.bits(page)).isEqualTo("P--WX");
    }

    @Test
    void aSignalTellsAgain() {
        long page = m.guarded(1);
        m.store(page);
        m.expectWrite(page);
        m.task.signal();
        m.mmu.settle();
        m.expectWrite(page);
    }

    @Test
    void exactAddressAndThreadAreToldIfAskedFor() {
        Machine exact = new Machine(Feature.EXACT_ADDRESS, Feature.THREAD_ID);
        long page = exact.guarded(1);
        exact.store(page + 123);
        assertThat(exact.messages())
                .containsExactly(new Message.Fault(page + 123, true, true, false, exact.task.id()));
        exact.unprotect(page, 1);
        assertThat(exact.mmu.parked()).isEmpty();
    }

    @Test
    void twoReadersShareTheMessages() {
        long start = m.guarded(64);
        for (int i = 0; i < 64; i++) {
            m.process.newTask().store(start + (long) i * PAGE, NEW, 1);
        }
        Userfault other = m.uffd.dup();
        List<Message> all = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            all.addAll(m.uffd.read(32).messages());
            all.addAll(other.read(63).messages());
        }
        assertThat(all).hasSize(64).doesNotHaveDuplicates();
        m.unprotect(start, 64);
        assertThat(m.mmu.parked()).isEmpty();
    }

    @Test
    void aWriterThatIsProtectedAgainBeforeItRunsIsToldAgain() {
        long page = m.guarded(1);
        m.store(page);
        m.messages();
        for (int i = 0; i < 2000; i++) {
            m.uffd.unprotect(page, PAGE);
            m.protect(page, 1);
        }
        m.mmu.settle();
        m.expectWrite(page);
        assertThat(m.at(page)).isEqualTo(Machine.OLD);
    }

    @Test
    void eachContextIsToldOfItsOwnAndMayChangeTheOthers() {
        Userfault other = m.process.userfaultfd();
        other.api();
        long page = m.filled(1);
        long second = m.process.mapAnonymous(PAGE);
        m.fill(second, 1);
        other.register(second, PAGE, WP);
        m.protect(page, 1);
        other.protect(second, PAGE);
        assertThat(m.uffd.register(second, PAGE, WP)).isEqualTo(error(Errno.EBUSY));
        m.process.newTask().store(second, NEW, 1);
        assertThat(other.drain()).hasSize(1);
        m.expectSilence();
        assertThat(m.uffd.unprotect(second, PAGE)).isZero();
        m.mmu.settle();
        assertThat(m.bits(second)).isEqualTo("P---X");
        assertThat(m.mmu.parked()).as("woken by its own context only").hasSize(1);
        assertThat(m.uffd.unregister(second, PAGE)).isEqualTo(error(Errno.EINVAL));
    }

    @Test
    void badArgumentsAreRefused() {
        long page = m.filled(1);
        Userfault raw = m.process.userfaultfd();
        assertThat(raw.protect(page, PAGE)).isEqualTo(error(Errno.EINVAL));
        assertThat(
                        List.of(
                                m.uffd.protect(page + 1, PAGE),
                                m.uffd.protect(page, 0),
                                m.uffd.protect(page, 1),
                                m.uffd.writeProtect(page, PAGE, 4),
                                m.uffd.writeProtect(page, PAGE, 3),
                                m.uffd.protect(Mmu.TASK_SIZE, PAGE)))
                .containsOnly(error(Errno.EINVAL));
        long bare = m.process.mapAnonymous(PAGE);
        assertThat(m.uffd.protect(bare, PAGE)).isEqualTo(error(Errno.ENOENT));
        assertThat(m.uffd.protect(bare + PAGE, PAGE)).as("a hole").isEqualTo(error(Errno.ENOENT));
        m.register(bare, 1, MISSING);
        assertThat(m.uffd.protect(bare, PAGE)).isEqualTo(error(Errno.ENOENT));
        assertThat(m.uffd.register(page, PAGE, 0)).isEqualTo(error(Errno.EINVAL));
        assertThat(m.uffd.register(page, PAGE, 8)).isEqualTo(error(Errno.EINVAL));
        assertThat(m.uffd.register(page, PAGE, Userfault.MODE_MINOR))
                .isEqualTo(error(Errno.EINVAL));
    }

    @Test
    void whatComesBeforeAnErrorStaysProtected() {
        long start = m.process.mapAnonymous(4 * PAGE);
        m.fill(start, 4);
        m.register(start, 2, WP);
        assertThat(m.uffd.protect(start, 4 * PAGE)).isEqualTo(error(Errno.ENOENT));
        assertThat(m.bits(start + PAGE)).isEqualTo("P--WX");
        assertThat(m.bits(start + 2 * PAGE)).isEqualTo("P---X");
    }

    @Test
    void holesAreSkipped() {
        long start = m.filled(2);
        m.task.memory().unmap(start + PAGE, PAGE);
        m.protect(start, 2);
        assertThat(m.bits(start)).isEqualTo("P--WX");
    }

    @Test
    void aRegistrationIsKeptByOneThatAsksForLessAndReplacedByAnother() {
        long page = m.process.mapAnonymous(PAGE);
        m.fill(page, 1);
        m.register(page, 1, MISSING | WP);
        m.protect(page, 1);
        m.register(page, 1, MISSING);
        assertThat(m.bits(page)).isEqualTo("P--WX");
        m.protect(page, 1);
        long other = m.process.mapAnonymous(PAGE);
        m.register(other, 1, MISSING);
        m.register(other, 1, WP);
        assertThat(m.task.load(other, 1)).as("MISSING has gone").isEqualTo(done(0));
    }

    @Test
    void theHandshakeHappensOnce() {
        Userfault raw = m.process.userfaultfd();
        Userfault.Handshake refused = new Userfault.Handshake(error(Errno.EINVAL), 0, 0);
        assertThat(raw.api(0xAB, 0)).isEqualTo(refused);
        assertThat(raw.api(0xAA, 1L << 40)).isEqualTo(refused);
        assertThat(raw.api(0xAA, 0))
                .isEqualTo(new Userfault.Handshake(0, 0x1ffff, 0x8000000000000003L));
        assertThat(raw.api(0xAA, 0)).isEqualTo(refused);
    }

    @Test
    void pollAndReadHavePreconditions() {
        Userfault raw = m.process.userfaultfd();
        assertThat(raw.poll()).isEqualTo(Userfault.Poll.ERROR);
        assertThat(raw.read(32).result()).isEqualTo(error(Errno.EINVAL));
        Userfault blocking = m.process.userfaultfd(false, false);
        blocking.api();
        assertThat(blocking.poll()).isEqualTo(Userfault.Poll.ERROR);
        assertThat(m.uffd.poll()).isEqualTo(Userfault.Poll.NOTHING);
        assertThat(m.uffd.read(16).result()).isEqualTo(error(Errno.EINVAL));
        assertThat(m.uffd.read(32).result()).isEqualTo(error(Errno.EAGAIN));
    }

    @Test
    void unregisteringWakesOnlyWhereMissingPagesWereWatched() {
        long both = m.process.mapAnonymous(PAGE);
        m.fill(both, 1);
        m.register(both, 1, MISSING | WP);
        m.protect(both, 1);
        m.store(both);
        m.uffd.unregister(both, PAGE);
        m.mmu.settle();
        assertThat(m.task.outcome()).isEqualTo(Outcome.OK);
        long wpOnly = m.guarded(1);
        m.store(wpOnly);
        m.uffd.unregister(wpOnly, PAGE);
        m.mmu.settle();
        assertThat(m.task.isParked()).isTrue();
        m.uffd.wake(wpOnly, PAGE);
        m.mmu.settle();
        assertThat(m.at(wpOnly)).isEqualTo(NEW);
    }

    @Test
    void takingTheRightToWriteAwayIsNotTold() {
        long page = m.guarded(1);
        m.task.memory().protect(page, PAGE, true, false);
        assertThat(m.store(page)).isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGSEGV));
        assertThat(m.bits(page)).isEqualTo("P--WX");
        m.expectSilence();
        m.task.memory().protect(page, PAGE, true, true);
        m.expectToldStore(page);
    }

    @Test
    void theLastCloseLetsAllGo() {
        long page = m.guarded(1);
        Userfault copy = m.uffd.dup();
        EmulatedProcess child = m.fork();
        m.store(page);
        m.uffd.close();
        copy.close();
        m.mmu.settle();
        assertThat(m.task.isParked()).as("the child holds it").isTrue();
        child.exit();
        m.mmu.settle();
        assertThat(m.task.outcome()).isEqualTo(Outcome.OK);
        assertThat(m.bits(page)).isEqualTo("P---X");
    }

    @Test
    void unmappingUnderAWriterIsNoticedWhenItIsWoken() {
        long page = m.guarded(1);
        m.store(page);
        m.process.newTask().memory().unmap(page, PAGE);
        m.mmu.settle();
        assertThat(m.task.isParked()).isTrue();
        m.uffd.wake(page, PAGE);
        m.mmu.settle();
        assertThat(m.task.outcome()).isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGSEGV));
    }

    @Test
    void afterTheEndOfItsOwnerAContextAnswersSo() {
        long page = m.guarded(1);
        Userfault kept = m.uffd.sendTo(m.mmu.newProcess());
        m.process.exit();
        assertThat(kept.protect(page, PAGE)).isEqualTo(error(Errno.ESRCH));
        assertThat(kept.register(page, PAGE, WP)).isEqualTo(error(Errno.ENOMEM));
        assertThat(kept.unregister(page, PAGE)).isEqualTo(error(Errno.ENOMEM));
        assertThat(kept.wake(page, PAGE)).isZero();
        assertThat(kept.fill().copy(page, new byte[PAGE], 0).result())
                .isEqualTo(error(Errno.ESRCH));
        assertThat(kept.read(32).result()).isEqualTo(error(Errno.EAGAIN));
    }
}
