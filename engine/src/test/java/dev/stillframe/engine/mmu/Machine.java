package dev.stillframe.engine.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

/** A machine with one process and one context, and what the tests do again and again. */
final class Machine {
    static final int PAGE = Mmu.PAGE_BYTES;
    static final int WP = Userfault.MODE_WP;
    static final int MISSING = Userfault.MODE_MISSING;
    static final byte OLD = 'a';
    static final byte NEW = 'b';

    final Mmu mmu;
    final EmulatedProcess process;
    final Task task;
    final Userfault uffd;

    Machine(CowPolicy policy, Feature... features) {
        mmu = new Mmu(policy);
        process = mmu.newProcess();
        task = process.task();
        uffd = process.userfaultfd();
        assertThat(uffd.api(features).result()).isZero();
    }

    Machine(Feature... features) {
        this(CowPolicy.MODERN, features);
    }

    /** Anonymous pages, each filled with {@link #OLD} and registered for write protection. */
    long filled(int pages) {
        long start = process.mapAnonymous((long) pages * PAGE);
        fill(start, pages);
        register(start, pages, WP);
        return start;
    }

    void fill(long start, int pages) {
        for (int i = 0; i < pages; i++) {
            assertThat(task.store(start + (long) i * PAGE, OLD, 1)).isEqualTo(Outcome.OK);
        }
    }

    void register(long start, int pages, int modes) {
        assertThat(uffd.register(start, (long) pages * PAGE, modes)).isZero();
    }

    /** Filled pages that are write-protected. */
    long guarded(int pages) {
        long start = filled(pages);
        protect(start, pages);
        return start;
    }

    void protect(long start, int pages) {
        assertThat(uffd.protect(start, (long) pages * PAGE)).isZero();
    }

    void unprotect(long start, int pages) {
        assertThat(uffd.unprotect(start, (long) pages * PAGE)).isZero();
        mmu.settle();
    }

    Outcome store(long address) {
        return task.store(address, NEW, 1);
    }

    byte at(long address) {
        return process.peek(address, 1)[0];
    }

    String bits(long address) {
        return process.bits(address).toString();
    }

    long frame(long address) {
        return process.bits(address).frame();
    }

    List<Message> messages() {
        return uffd.drain();
    }

    void expectSilence() {
        assertThat(messages()).isEmpty();
    }

    /** One message, a write to the protected page at {@code page}; nothing else. */
    void expectWrite(long page) {
        assertThat(messages()).containsExactly(new Message.Fault(page, true, true, false, 0));
    }

    /** The store parks, is told, and is done after the page was unprotected. */
    void expectToldStore(long address) {
        assertThat(store(address)).isInstanceOf(Outcome.Parked.class);
        long page = address & -PAGE;
        expectWrite(page);
        unprotect(page, 1);
        assertThat(task.outcome()).isEqualTo(Outcome.OK);
        assertThat(at(address)).isEqualTo(NEW);
        expectSilence();
    }

    void expectSilentStore(long address) {
        assertThat(store(address)).isEqualTo(Outcome.OK);
        assertThat(at(address)).isEqualTo(NEW);
        expectSilence();
    }

    EmulatedProcess fork() {
        return mmu.process(((Outcome.Done) task.memory().fork()).value());
    }

    static Outcome done(long value) {
        return new Outcome.Done(value);
    }
}
