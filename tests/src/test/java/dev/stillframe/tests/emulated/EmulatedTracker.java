package dev.stillframe.tests.emulated;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.mmu.Feature;
import dev.stillframe.engine.mmu.Message;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Userfault;
import dev.stillframe.engine.time.Deadline;
import dev.stillframe.engine.tracking.WriteTracker;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import java.util.function.LongSupplier;

/** A userfaultfd of the model behind the interface of the kernel's. Thread-safe. */
final class EmulatedTracker implements WriteTracker {
    private final Mmu mmu;
    private final Userfault userfault;
    private volatile boolean released;

    EmulatedTracker(Mmu mmu, Userfault userfault) {
        this.mmu = mmu;
        this.userfault = userfault;
    }

    @Override
    public void enable() throws IOException {
        long result =
                userfault
                        .api(
                                Feature.PAGEFAULT_FLAG_WP,
                                Feature.EVENT_REMAP,
                                Feature.EVENT_REMOVE,
                                Feature.EVENT_UNMAP,
                                Feature.WP_HUGETLBFS_SHMEM,
                                Feature.WP_UNPOPULATED)
                        .result();
        check(result, "UFFDIO_API");
    }

    @Override
    public void register(AddressRange range) throws IOException {
        check(
                userfault.register(range.start(), range.sizeBytes(), Userfault.MODE_WP),
                "UFFDIO_REGISTER " + range);
    }

    private static void check(long result, String call) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException(call + " (emulated)", (int) -result);
        }
    }

    @Override
    public long unregister(long start, long bytes) {
        return unlessReleased(
                () -> userfault.unregister(start, bytes) + userfault.wake(start, bytes));
    }

    @Override
    public long protect(long start, long bytes) {
        return unlessReleased(() -> userfault.protect(start, bytes));
    }

    @Override
    public long unprotect(long start, long bytes) {
        return unlessReleased(() -> userfault.unprotect(start, bytes));
    }

    @Override
    public long wake(long start, long bytes) {
        return unlessReleased(() -> userfault.wake(start, bytes));
    }

    private long unlessReleased(LongSupplier call) {
        try {
            return released ? -Errno.EBADF.number() : mmu.inTurn(call::getAsLong);
        } catch (IllegalStateException e) {
            if (released) {
                return -Errno.EBADF.number();
            }
            throw e;
        }
    }

    /** Writes what {@code include/uapi/linux/userfaultfd.h} calls {@code struct uffd_msg}. */
    @Override
    public int read(MemorySegment into) {
        return (int) unlessReleased(() -> readMessages(into));
    }

    private int readMessages(MemorySegment into) {
        List<Message> messages = userfault.read((int) into.byteSize()).messages();
        for (int i = 0; i < messages.size(); i++) {
            put(
                    messages.get(i),
                    into.asSlice((long) i * Userfault.MESSAGE_BYTES, Userfault.MESSAGE_BYTES));
        }
        return messages.size();
    }

    private static void put(Message message, MemorySegment into) {
        switch (message) {
            case Message.Fault fault -> put(into, 0x12, 3, fault.address(), 0);
            case Message.Remap(long from, long to, long bytes) -> put(into, 0x14, from, to, bytes);
            case Message.Remove(long start, long end) -> put(into, 0x15, start, end, 0);
            case Message.Unmap(long start, long end) -> put(into, 0x16, start, end, 0);
            case Message.Fork _ -> throw new IllegalStateException("forks were not asked for");
        }
    }

    private static void put(MemorySegment into, int event, long first, long second, long third) {
        into.fill((byte) 0);
        into.set(JAVA_BYTE, 0, (byte) event);
        into.set(JAVA_LONG_UNALIGNED, 8, first);
        into.set(JAVA_LONG_UNALIGNED, 16, second);
        into.set(JAVA_LONG_UNALIGNED, 24, third);
    }

    @Override
    public void await(long timeoutNanos) {
        try {
            if (!released) {
                userfault.await(Deadline.in(Clock.SYSTEM, Duration.ofNanos(timeoutNanos)));
            }
        } catch (IllegalStateException e) {
            if (!released) {
                throw e;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // whoever asked for it finds it at the next step
        }
    }

    @Override
    public void release() {
        released = true;
        userfault.close();
    }

    @Override
    public void close() {
        release();
    }
}
