package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.OLD;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static dev.stillframe.engine.mmu.Machine.done;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.Transfers.FutexCall;
import org.junit.jupiter.api.Test;

/** Reads and writes by the kernel, for the process itself and for others. */
class KernelAccessTest {
    private final Machine m = new Machine();
    private final long page = m.guarded(1);
    private final byte[] data = new byte[PAGE];

    @Test
    void readsOfAnyKindAreSilentAndSeeTheContent() {
        Task other = m.mmu.newProcess().task();
        PageHold pipe = m.task.transfers().pipe(page);
        assertThat(m.task.transfers().write(page, data)).isEqualTo(done(PAGE));
        assertThat(m.task.transfers().directWrite(page, data)).isEqualTo(done(PAGE));
        assertThat(other.transfers().processRead(m.process, page, data)).isEqualTo(done(PAGE));
        assertThat(other.transfers().peek(m.process, page, data)).isEqualTo(done(PAGE));
        assertThat(m.task.transfers().vmsplice(page, PAGE, pipe)).isEqualTo(done(PAGE));
        assertThat(data[0]).isEqualTo(OLD);
        assertThat(pipe.read(1)).containsExactly(OLD);
        m.expectSilence();
        assertThat(m.bits(page)).isEqualTo("P--WX");
    }

    @Test
    void copyingIntoThePageWaitsAndAPinnedTransferWaitsUninterruptibly() {
        data[0] = NEW;
        assertThat(m.task.transfers().read(page, data)).isEqualTo(new Outcome.Parked(page, true));
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.task.outcome()).isEqualTo(done(PAGE));
        m.protect(page, 1);
        assertThat(m.task.transfers().directRead(page, data))
                .isEqualTo(new Outcome.Parked(page, false));
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.at(page)).isEqualTo(NEW);
    }

    @Test
    void aWriteToAnotherProcessPinsAllBeforeItWrites() {
        long start = m.guarded(2);
        Task writer = m.mmu.newProcess().task();
        byte[] two = new byte[2 * PAGE];
        two[0] = NEW;
        writer.transfers().processWrite(m.process, start, two);
        m.expectWrite(start);
        m.unprotect(start, 1);
        m.expectWrite(start + PAGE);
        assertThat(m.at(start)).isEqualTo(OLD);
        m.unprotect(start + PAGE, 1);
        assertThat(writer.outcome()).isEqualTo(done(2 * PAGE));
        assertThat(m.at(start)).isEqualTo(NEW);
    }

    @Test
    void aWriterThatIsKilledLeavesThePageAsItWas() {
        Task writer = m.mmu.newProcess().task();
        writer.transfers().processWrite(m.process, page, data);
        writer.kill();
        m.mmu.settle();
        assertThat(writer.outcome()).isEqualTo(new Outcome.Killed());
        assertThat(m.at(page)).isEqualTo(OLD);
        assertThat(m.bits(page)).isEqualTo("P--WX");
        m.expectSilence();
    }

    @Test
    void debuggersFailInsteadOfWaiting() {
        Task debugger = m.mmu.newProcess().task();
        assertThat(debugger.transfers().poke(m.process, page, new byte[8]))
                .isEqualTo(Outcome.failed(Errno.EIO));
        assertThat(m.at(page)).isEqualTo(OLD);
        m.expectSilence();
        m.uffd.unprotect(page, PAGE);
        m.task.memory().protect(page, PAGE, true, false);
        assertThat(debugger.transfers().poke(m.process, page, new byte[] {NEW})).isEqualTo(done(1));
        assertThat(m.at(page)).as("the program itself may not write there").isEqualTo(NEW);
    }

    @Test
    void futexesWaitOnlyWhereTheKernelCan() {
        assertThat(m.task.transfers().futex(FutexCall.WAIT_PRIVATE, page)).isEqualTo(done(4));
        assertThat(m.task.transfers().futex(FutexCall.WAKE_OP, page))
                .isEqualTo(Outcome.failed(Errno.EFAULT));
        assertThat(m.task.transfers().futex(FutexCall.LOCK_PI, page))
                .isEqualTo(Outcome.failed(Errno.EFAULT));
        m.expectSilence();
        assertThat(m.task.transfers().futex(FutexCall.WAIT_SHARED, page))
                .isEqualTo(new Outcome.Parked(page, false));
        m.expectWrite(page);
    }

    @Test
    void populatingForWritingIsAWrite() {
        m.task.memory().lock(page, PAGE);
        m.expectWrite(page);
        m.unprotect(page, 1);
        m.protect(page, 1);
        m.task.memory().populate(page, PAGE, true);
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.task.outcome()).isEqualTo(Outcome.OK);
        m.protect(page, 1);
        assertThat(m.task.memory().populate(page, PAGE, false)).isEqualTo(Outcome.OK);
        m.expectSilence();
    }

    @Test
    void aPinFromBeforeIsNotSeenAndOneForWritingAfterIs() {
        long start = m.filled(1);
        PageHold before = m.task.transfers().buffer(start);
        m.task.transfers().register(start, PAGE, true, before);
        m.protect(start, 1);
        before.write(new byte[] {NEW});
        assertThat(m.at(start)).isEqualTo(NEW);
        m.expectSilence();
        assertThat(m.bits(start)).isEqualTo("P--WX");
        PageHold after = m.task.transfers().buffer(start);
        m.task.transfers().register(start, PAGE, true, after);
        m.expectWrite(start);
        m.unprotect(start, 1);
        assertThat(m.task.outcome()).isEqualTo(Outcome.OK);
    }

    @Test
    void anExitingThreadLosesItsLastWrite() {
        m.process.newTask().exit(page);
        assertThat(m.at(page)).isEqualTo(OLD);
        m.expectSilence();
        m.uffd.unprotect(page, PAGE);
        m.process.newTask().exit(page);
        assertThat(m.at(page)).isZero();
    }

    @Test
    void theZeroPageIsAsGoodForAShortTransferAndNotForALongPin() {
        long zero = m.process.mapAnonymous(PAGE);
        m.task.load(zero, 1);
        m.register(zero, 1, Machine.WP);
        m.protect(zero, 1);
        long frame = m.frame(zero);
        m.task.transfers().directWrite(zero, data);
        assertThat(m.frame(zero)).isEqualTo(frame);
        assertThat(m.bits(zero)).isEqualTo("P--W-");
        PageHold pin = m.task.transfers().buffer(zero);
        m.task.transfers().register(zero, PAGE, false, pin);
        assertThat(m.frame(zero)).isNotEqualTo(frame);
        assertThat(m.bits(zero)).isEqualTo("P--WX");
        m.expectSilence();
        m.expectToldStore(zero);
        assertThat(pin.read(1)).containsExactly(NEW);
    }

    @Test
    void whereTheKernelMayNotWaitItsAccessFails() {
        Userfault userOnly = m.process.userfaultfd(true, true);
        userOnly.api();
        long mine = m.process.mapAnonymous(PAGE);
        m.fill(mine, 1);
        userOnly.register(mine, PAGE, Machine.WP);
        userOnly.protect(mine, PAGE);
        assertThat(m.task.transfers().read(mine, data)).isEqualTo(Outcome.failed(Errno.EFAULT));
        assertThat(userOnly.drain()).isEmpty();
        assertThat(m.store(mine)).isInstanceOf(Outcome.Parked.class);
        assertThat(userOnly.drain()).hasSize(1);
    }

    @Test
    void withTheSignalFeatureNobodyIsTold() {
        Machine signals = new Machine(Feature.SIGBUS);
        long guarded = signals.guarded(1);
        assertThat(signals.store(guarded)).isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGBUS));
        assertThat(signals.task.transfers().read(guarded, data))
                .isEqualTo(Outcome.failed(Errno.EFAULT));
        signals.expectSilence();
        assertThat(signals.bits(guarded)).isEqualTo("P--WX");
    }

    @Test
    void aParkedWriterLeavesAConsistentPage() {
        m.store(page);
        Task copier = m.mmu.newProcess().task();
        copier.transfers().processRead(m.process, page, data);
        m.unprotect(page, 1);
        assertThat(data[0]).isEqualTo(OLD);
        assertThat(m.at(page)).isEqualTo(NEW);
    }
}
