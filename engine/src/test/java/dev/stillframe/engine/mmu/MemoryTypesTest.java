package dev.stillframe.engine.mmu;

import static dev.stillframe.engine.mmu.Machine.MISSING;
import static dev.stillframe.engine.mmu.Machine.NEW;
import static dev.stillframe.engine.mmu.Machine.OLD;
import static dev.stillframe.engine.mmu.Machine.PAGE;
import static dev.stillframe.engine.mmu.Machine.WP;
import static dev.stillframe.engine.mmu.Machine.done;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import dev.stillframe.engine.mmu.MemoryCalls.Move;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Shared memory, private mappings of it, huge pages, swap, and the calls that move and discard. */
class MemoryTypesTest {
    private static final int UNIT = 512;

    private final Machine m = new Machine();

    private static byte[] pageOf(int value) {
        byte[] bytes = new byte[PAGE];
        bytes[0] = (byte) value;
        return bytes;
    }

    private long sharedGuarded(SharedObject object) {
        long page = m.process.mapShared(object, 0, PAGE);
        m.fill(page, 1);
        m.register(page, 1, WP);
        m.protect(page, 1);
        return page;
    }

    private long marker(Machine machine, int modes) {
        long page = machine.process.mapAnonymous(PAGE);
        machine.register(page, 1, modes);
        machine.protect(page, 1);
        assertThat(machine.bits(page)).isEqualTo("-S-W-");
        return page;
    }

    @Test
    void discardingForgetsAnonymousProtectionAndKeepsThatOfSharedMemory() {
        long anonymous = m.guarded(1);
        m.task.memory().advise(anonymous, PAGE, Advice.DONTNEED);
        assertThat(m.bits(anonymous)).isEqualTo("-----");
        m.expectSilentStore(anonymous);
        long shared = sharedGuarded(m.mmu.newSharedMemory());
        m.task.memory().advise(shared, PAGE, Advice.DONTNEED);
        assertThat(m.bits(shared)).isEqualTo("-S-W-");
        assertThat(m.task.load(shared, 1)).isEqualTo(done(OLD));
        assertThat(m.bits(shared)).startsWith("P-FW");
        m.expectToldStore(shared);
        m.protect(shared, 1);
        m.task.memory().advise(shared, PAGE, Advice.REMOVE);
        assertThat(m.bits(shared)).isEqualTo("-S-W-");
        m.expectToldStore(shared + 1);
        assertThat(m.at(shared)).isZero();
    }

    @Test
    void whatMayBeDiscardedStaysProtected() {
        long page = m.guarded(1);
        m.task.memory().advise(page, PAGE, Advice.FREE);
        m.expectToldStore(page);
    }

    @Test
    void anEmptyEntryIsProtectedOnlyIfAskedFor() {
        long page = m.process.mapAnonymous(PAGE);
        m.register(page, 1, WP);
        m.protect(page, 1);
        assertThat(m.bits(page)).isEqualTo("-----");
        Machine unpopulated = new Machine(Feature.WP_UNPOPULATED);
        long marked = marker(unpopulated, WP);
        assertThat(unpopulated.store(marked)).isInstanceOf(Outcome.Parked.class);
        assertThat(unpopulated.bits(marked)).isEqualTo("P--WX");
        unpopulated.expectWrite(marked);
        long read = marker(unpopulated, WP);
        assertThat(unpopulated.process.newTask().load(read, 1)).isEqualTo(done(0));
        assertThat(unpopulated.bits(read)).isEqualTo("P--W-");
        unpopulated.uffd.unprotect(marked, PAGE);
        long cleared = marker(unpopulated, WP);
        unpopulated.uffd.unprotect(cleared, PAGE);
        assertThat(unpopulated.bits(cleared)).isEqualTo("-----");
    }

    @Test
    void anotherWayToTheSameMemoryIsNotSeen() {
        SharedObject object = m.mmu.newSharedMemory();
        long page = sharedGuarded(object);
        long alias = m.process.mapShared(object, 0, PAGE);
        EmulatedProcess child = m.fork();
        m.expectSilentStore(alias);
        assertThat(m.at(page)).isEqualTo(NEW);
        object.write(0, pageOf('c'));
        assertThat(child.task().store(page + 1, 'd', 1)).isEqualTo(Outcome.OK);
        m.expectSilence();
        assertThat(m.process.peek(page, 2)).containsExactly('c', 'd');
        m.register(alias, 1, WP);
        m.protect(alias, 1);
        m.expectToldStore(alias);
        assertThat(m.process.bits(page).uffdWp()).isTrue();
    }

    @Test
    void aPrivateMappingIsProtectedBeforeAndAfterItsCopy() {
        SharedObject object = m.mmu.newSharedMemory();
        object.write(0, pageOf('1'));
        long page = m.process.mapPrivate(object, 0, PAGE);
        m.task.load(page, 1);
        m.register(page, 1, WP);
        m.protect(page, 1);
        object.write(0, pageOf('2'));
        assertThat(m.task.load(page, 1)).isEqualTo(done('2'));
        m.expectToldStore(page);
        assertThat(object.read(0, 1)).containsExactly('2');
        m.protect(page, 1);
        m.task.memory().advise(page, PAGE, Advice.DONTNEED);
        assertThat(m.bits(page)).isEqualTo("-S-W-");
        assertThat(m.store(page)).isInstanceOf(Outcome.Parked.class);
        assertThat(m.bits(page)).as("copied before it is told").isEqualTo("P--WX");
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(object.read(0, 1)).containsExactly('2');
    }

    @Test
    void filesCanOnlyBeTrackedAsynchronously() {
        SharedObject file = m.mmu.newFile();
        long page = m.process.mapPrivate(file, 0, PAGE);
        assertThat(m.uffd.register(page, PAGE, WP)).isEqualTo(-Errno.EINVAL.number());
        long readOnly = m.process.mapReadOnly(m.mmu.newSharedMemory(), 0, PAGE);
        assertThat(m.uffd.register(readOnly, PAGE, WP)).isEqualTo(-Errno.EPERM.number());
        Userfault async = m.process.userfaultfd();
        async.api(Feature.WP_ASYNC);
        assertThat(async.register(page, PAGE, MISSING | WP)).isEqualTo(-Errno.EINVAL.number());
        assertThat(async.register(page, PAGE, WP)).isZero();
        async.protect(page, PAGE);
        m.expectSilentStore(page);
        assertThat(m.process.bits(page).uffdWp()).isFalse();
    }

    @Test
    void aMissingPageIsFilledAndThenProtected() {
        long page = m.process.mapAnonymous(PAGE);
        m.register(page, 1, MISSING | WP);
        m.task.store(page + 1, NEW, 1);
        assertThat(m.messages()).containsExactly(new Message.Fault(page, true, false, false, 0));
        assertThat(m.uffd.fill().copy(page, pageOf('s'), Fill.WP))
                .isEqualTo(new Fill.Filled(0, PAGE));
        m.mmu.settle();
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.process.peek(page, 2)).containsExactly('s', NEW);
        assertThat(m.uffd.fill().copy(page, pageOf('t'), 0).result())
                .isEqualTo(-Errno.EEXIST.number());
        long wpOnly = m.process.mapAnonymous(PAGE);
        m.register(wpOnly, 1, MISSING);
        assertThat(m.uffd.fill().copy(wpOnly, pageOf('t'), Fill.WP).result())
                .isEqualTo(-Errno.EINVAL.number());
    }

    @Test
    void fillingOverAMarkerLosesItsProtectionOrIsRefused() {
        Machine empty = new Machine(Feature.WP_UNPOPULATED);
        long page = marker(empty, MISSING | WP);
        empty.store(page);
        assertThat(empty.messages())
                .containsExactly(new Message.Fault(page, true, false, false, 0));
        empty.uffd.fill().copy(page, pageOf('s'), 0);
        empty.mmu.settle();
        empty.expectSilence();
        assertThat(empty.at(page)).isEqualTo(NEW);
        long other = marker(empty, WP);
        assertThat(
                        List.of(
                                empty.uffd.fill().zeroPage(other, PAGE, 0).result(),
                                empty.uffd.fill().poison(other, PAGE, 0).result()))
                .containsOnly((long) -Errno.EEXIST.number());
        assertThat(empty.bits(other)).isEqualTo("-S-W-");
        long poisoned = empty.process.mapAnonymous(PAGE);
        empty.register(poisoned, 1, WP);
        assertThat(empty.uffd.fill().poison(poisoned, PAGE, 0).result()).isZero();
        empty.protect(poisoned, 1);
        assertThat(empty.task.load(poisoned, 1))
                .isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGBUS));
        assertThat(empty.task.transfers().write(poisoned, new byte[1]))
                .isEqualTo(Outcome.failed(Errno.EFAULT));
    }

    @Test
    void aWriterWhosePageIsDiscardedIsNotWokenByThat() {
        long page = m.process.mapAnonymous(PAGE);
        m.fill(page, 1);
        m.register(page, 1, MISSING | WP);
        m.protect(page, 1);
        m.store(page);
        m.expectWrite(page);
        m.process.newTask().memory().advise(page, PAGE, Advice.DONTNEED);
        m.mmu.settle();
        assertThat(m.task.isParked()).isTrue();
        m.unprotect(page, 1);
        assertThat(m.messages()).containsExactly(new Message.Fault(page, true, false, false, 0));
        m.uffd.fill().copy(page, pageOf('s'), 0);
        m.mmu.settle();
        assertThat(m.at(page)).isEqualTo(NEW);
    }

    @Test
    void minorFaultsMapWhatTheObjectHas() {
        SharedObject object = m.mmu.newSharedMemory();
        object.write(0, pageOf(OLD));
        long page = m.process.mapShared(object, 0, 2 * PAGE);
        m.register(page, 2, Userfault.MODE_MINOR | WP);
        m.store(page);
        assertThat(m.messages()).containsExactly(new Message.Fault(page, true, false, true, 0));
        assertThat(m.uffd.fill().resume(page, PAGE, Fill.WP).result()).isZero();
        m.mmu.settle();
        m.expectWrite(page);
        m.unprotect(page, 1);
        assertThat(m.uffd.fill().resume(page, PAGE, 0).result()).isEqualTo(-Errno.EEXIST.number());
        assertThat(m.uffd.fill().resume(page + PAGE, PAGE, 0).result())
                .isEqualTo(-Errno.EFAULT.number());
    }

    private long hugeGuarded() {
        long start = m.process.mapHuge(Mmu.HUGE_BYTES);
        m.fill(start, UNIT);
        m.register(start, UNIT, WP);
        m.protect(start, UNIT);
        return start;
    }

    private long protectedPages(EmulatedProcess process, long start) {
        return LongStream.range(0, UNIT)
                .filter(i -> process.bits(start + i * PAGE).uffdWp())
                .count();
    }

    private boolean isHuge(long start) {
        PageScan.Result huge =
                m.process.scan(
                        new PageScan.Request(
                                start, start + PAGE, 0, 1, 0, 0, PageScan.HUGE, 0, PageScan.HUGE));
        return huge.result() == 1;
    }

    @Test
    void aHugePageSplitsWhenAPartIsUnprotectedAndOnlyThen() {
        long start = hugeGuarded();
        m.store(start + 5 * PAGE);
        m.expectWrite(start + 5 * PAGE);
        assertThat(isHuge(start)).isTrue();
        m.unprotect(start + 5 * PAGE, 1);
        assertThat(isHuge(start)).isFalse();
        assertThat(protectedPages(m.process, start)).isEqualTo(UNIT - 1);
        m.expectToldStore(start + 6 * PAGE);
        long whole = hugeGuarded();
        m.store(whole);
        m.unprotect(whole, UNIT);
        assertThat(isHuge(whole)).isTrue();
        m.messages();
        m.expectSilentStore(whole + 9 * PAGE);
        m.protect(whole + PAGE, 1);
        assertThat(protectedPages(m.process, whole)).isEqualTo(1);
    }

    @Test
    void aSharedHugePageIsUnsharedInPart() {
        long start = hugeGuarded();
        EmulatedProcess child = m.fork();
        long frame = m.frame(start + 7 * PAGE);
        assertThat(protectedPages(child, start)).isZero();
        m.task.transfers().directWrite(start + 7 * PAGE, new byte[PAGE]);
        m.expectSilence();
        assertThat(isHuge(start)).isFalse();
        assertThat(m.frame(start + 7 * PAGE)).isNotEqualTo(frame);
        assertThat(m.frame(start + 8 * PAGE)).isEqualTo(child.bits(start + 8 * PAGE).frame());
        assertThat(protectedPages(m.process, start)).isEqualTo(UNIT);
    }

    @Test
    void aPageOfTheHugePoolIsProtectedWholeOrNotAtAll() {
        long start = m.process.mapHugetlb(Mmu.HUGE_BYTES);
        assertThat(m.uffd.register(start, PAGE, WP)).isEqualTo(-Errno.EINVAL.number());
        m.register(start, UNIT, WP);
        m.protect(start, UNIT);
        assertThat(m.bits(start + PAGE)).isEqualTo("---W-");
        assertThat(m.uffd.protect(start, PAGE)).isEqualTo(-Errno.EINVAL.number());
        m.store(start + 5 * PAGE);
        assertThat(m.bits(start)).isEqualTo("P--WX");
        m.expectWrite(start);
        m.unprotect(start, UNIT);
        assertThat(m.at(start + 5 * PAGE)).isEqualTo(NEW);
        m.protect(start, UNIT);
        EmulatedProcess child = m.fork();
        m.task.transfers().directWrite(start, new byte[PAGE]);
        m.expectSilence();
        assertThat(isHuge(start)).isTrue();
        assertThat(protectedPages(m.process, start)).isEqualTo(UNIT);
        assertThat(m.frame(start + PAGE)).isNotEqualTo(child.bits(start + PAGE).frame());
        m.task.memory().advise(start, Mmu.HUGE_BYTES, Advice.DONTNEED);
        assertThat(m.bits(start)).isEqualTo("---W-");
        assertThat(m.task.memory().advise(start, PAGE, Advice.DONTNEED))
                .isEqualTo(Outcome.OK); // of no whole page
        assertThat(m.task.memory().advise(start + PAGE, PAGE, Advice.DONTNEED))
                .isEqualTo(Outcome.failed(Errno.EINVAL));
        assertThat(m.uffd.fill().zeroPage(start, Mmu.HUGE_BYTES, 0).result())
                .isEqualTo(-Errno.EINVAL.number());
        byte[] content = new byte[(int) Mmu.HUGE_BYTES];
        content[PAGE] = 's';
        assertThat(m.uffd.fill().copy(start, content, Fill.WP).result()).isZero();
        assertThat(isHuge(start)).isTrue();
        assertThat(m.task.load(start + PAGE, 1)).isEqualTo(done('s'));
        assertThat(m.bits(start)).isEqualTo("P--WX");
    }

    @Test
    void protectedPagesAreNotMadeHuge() {
        long start = m.process.mapAnonymousAt(1L << 40, Mmu.HUGE_BYTES);
        m.fill(start, UNIT);
        m.task.memory().advise(start, Mmu.HUGE_BYTES, Advice.HUGEPAGE);
        m.register(start, UNIT, WP);
        m.protect(start + PAGE, 1);
        assertThat(m.task.memory().advise(start, Mmu.HUGE_BYTES, Advice.COLLAPSE))
                .isEqualTo(Outcome.failed(Errno.EINVAL));
        m.unprotect(start + PAGE, 1);
        assertThat(m.task.memory().advise(start, Mmu.HUGE_BYTES, Advice.COLLAPSE))
                .isEqualTo(Outcome.OK);
        assertThat(isHuge(start)).isTrue();
        assertThat(m.at(start + PAGE)).isEqualTo(OLD);
    }

    @Test
    void protectionFollowsAPageIntoSwapAndBack() {
        long page = m.guarded(1);
        m.task.memory().advise(page, PAGE, Advice.PAGEOUT);
        assertThat(m.bits(page)).isEqualTo("-S-W-");
        assertThat(m.task.load(page, 1)).isEqualTo(done(OLD));
        m.expectToldStore(page);
        m.task.memory().advise(page, PAGE, Advice.PAGEOUT);
        m.protect(page, 1);
        m.expectToldStore(page + 1);
        m.protect(page, 1);
        m.task.memory().advise(page, PAGE, Advice.PAGEOUT);
        m.unprotect(page, 1);
        m.expectSilentStore(page + 2);
    }

    @Test
    void movingAMappingForgetsUnlessItIsTold() {
        long page = m.guarded(1);
        long moved =
                ((Outcome.Done) m.task.memory().remap(page, PAGE, PAGE, Move.ELSEWHERE)).value();
        m.expectSilentStore(moved);
        assertThat(m.uffd.protect(moved, PAGE)).isEqualTo(-Errno.ENOENT.number());
        assertThat(m.task.load(page, 1)).isEqualTo(new Outcome.Signalled(Outcome.Signal.SIGSEGV));
        Machine told = new Machine(Feature.EVENT_REMAP);
        long from = told.guarded(1);
        told.task.memory().remap(from, PAGE, PAGE, Move.ELSEWHERE);
        assertThat(told.uffd.protect(from, PAGE)).isEqualTo(-Errno.EAGAIN.number());
        long to = ((Message.Remap) told.messages().getFirst()).to();
        told.mmu.settle();
        assertThat(told.task.outcome()).isEqualTo(done(to));
        told.expectToldStore(to);
    }

    @Test
    void aMappingThatGrowsOrIsLeftBehindStaysRegistered() {
        long page = m.guarded(1);
        assertThat(m.task.memory().remap(page, PAGE, 2 * PAGE, Move.MAYMOVE)).isEqualTo(done(page));
        m.expectSilentStore(page + PAGE);
        m.protect(page, 2);
        m.expectToldStore(page + PAGE);
        long moved =
                ((Outcome.Done) m.task.memory().remap(page, 2 * PAGE, 2 * PAGE, Move.DONTUNMAP))
                        .value();
        assertThat(m.bits(page)).isEqualTo("-----");
        m.protect(page, 2);
        assertThat(m.uffd.protect(moved, PAGE)).isEqualTo(-Errno.ENOENT.number());
        assertThat(m.at(moved)).isEqualTo(OLD);
    }

    @Test
    void aMoveIsToldBeforeTheUnmappingOfTheOldRange() {
        Machine told = new Machine(Feature.EVENT_REMAP, Feature.EVENT_UNMAP);
        long from = told.guarded(1);
        told.task.memory().remap(from, PAGE, PAGE, Move.ELSEWHERE);
        assertThat(told.messages()).hasSize(1).first().isInstanceOf(Message.Remap.class);
        told.mmu.settle();
        assertThat(told.messages()).containsExactly(new Message.Unmap(from, from + PAGE));
        told.mmu.settle();
        assertThat(told.mmu.parked()).isEmpty();
    }

    @Test
    void discardsAndUnmapsWaitForTheirReader() {
        Machine told = new Machine(Feature.EVENT_REMOVE, Feature.EVENT_UNMAP);
        long page = told.guarded(1);
        told.task.memory().advise(page, PAGE, Advice.DONTNEED);
        assertThat(told.bits(page)).as("still there").isEqualTo("P--WX");
        assertThat(told.uffd.unprotect(page, PAGE)).isEqualTo(-Errno.EAGAIN.number());
        assertThat(told.messages()).containsExactly(new Message.Remove(page, page + PAGE));
        told.mmu.settle();
        assertThat(told.bits(page)).isEqualTo("-----");
        told.task.memory().unmap(page, PAGE);
        assertThat(told.messages()).containsExactly(new Message.Unmap(page, page + PAGE));
        told.mmu.settle();
        assertThat(told.task.outcome()).isEqualTo(Outcome.OK);
        assertThat(told.uffd.register(told.filled(1), PAGE, WP)).isZero();
    }

    @Test
    void anEventWhoseContextClosesIsOver() {
        Machine told = new Machine(Feature.EVENT_REMOVE);
        long page = told.guarded(1);
        told.task.memory().advise(page, PAGE, Advice.DONTNEED);
        told.uffd.close();
        told.mmu.settle();
        assertThat(told.task.outcome()).isEqualTo(Outcome.OK);
        assertThat(told.bits(page)).isEqualTo("-----");
    }

    @Test
    void movedPagesLoseTheirProtection() {
        Machine moving = new Machine(Feature.WP_UNPOPULATED);
        long source = moving.guarded(3);
        long target = moving.process.mapAnonymous(PAGE);
        moving.register(target, 1, MISSING | WP);
        assertThat(moving.uffd.fill().move(moving.process, target, source, PAGE, 0).result())
                .isZero();
        moving.expectSilentStore(target);
        long marked = marker(moving, WP);
        assertThat(moving.uffd.fill().move(moving.process, marked, source + PAGE, PAGE, 0).result())
                .isEqualTo(-Errno.EEXIST.number());
        long empty = moving.process.mapAnonymous(PAGE);
        moving.register(empty, 1, WP);
        assertThat(
                        moving.uffd
                                .fill()
                                .move(moving.mmu.newProcess(), empty, source + PAGE, PAGE, 0)
                                .result())
                .isEqualTo(-Errno.EINVAL.number());
        moving.fork();
        assertThat(moving.uffd.fill().move(moving.process, empty, source + PAGE, PAGE, 0).result())
                .isEqualTo(-Errno.EBUSY.number());
    }
}
