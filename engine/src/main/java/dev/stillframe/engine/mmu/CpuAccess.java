package dev.stillframe.engine.mmu;

import dev.stillframe.engine.mmu.FaultPath.Access;
import dev.stillframe.engine.mmu.FaultPath.Origin;
import dev.stillframe.engine.mmu.UserPages.Found;

/** One instruction: all of its bytes at once, or none. It may straddle two pages. */
final class CpuAccess implements Operation {
    /** What the instruction does. */
    enum Kind {
        LOAD,
        STORE,
        COMPARE_AND_SET
    }

    private final long address;
    private final int bytes;
    private final Kind kind;
    private final long value;
    private final long expected;

    CpuAccess(long address, int bytes, Kind kind, long value, long expected) {
        if (bytes < 1 || bytes > Long.BYTES) {
            throw new IllegalArgumentException("an instruction of " + bytes + " bytes");
        }
        this.address = address;
        this.bytes = bytes;
        this.kind = kind;
        this.value = value;
        this.expected = expected;
    }

    @Override
    public Outcome attempt(Task task) {
        Frame[] frames = new Frame[2];
        long lastPage = Mmu.pageOf(address + bytes - 1);
        for (long page = Mmu.pageOf(address); page <= lastPage; page++) {
            long at = Math.max(address, page * Mmu.PAGE_BYTES);
            Access access = kind == Kind.LOAD ? Access.READ : Access.WRITE;
            Found found = task.mmu().pages().walk(task, task.mm(), at, access, Origin.USER);
            if (!found.isFrame()) {
                return task.stopped(found.result(), at, Origin.USER);
            }
            frames[(int) (page - Mmu.pageOf(address))] = found.get();
        }
        return execute(frames);
    }

    private Outcome execute(Frame[] frames) {
        return switch (kind) {
            case LOAD -> new Outcome.Done(load(frames));
            case STORE -> {
                store(frames);
                yield Outcome.OK;
            }
            case COMPARE_AND_SET -> {
                boolean equal =
                        load(frames) == (bytes == Long.BYTES ? expected : expected & mask());
                if (equal) {
                    store(frames);
                }
                yield new Outcome.Done(equal ? 1 : 0);
            }
        };
    }

    private long mask() {
        return (1L << bytes * Byte.SIZE) - 1;
    }

    private long load(Frame[] frames) {
        long result = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            result = result << Byte.SIZE | frames[index(i)].get(offset(i)) & 0xff;
        }
        return result;
    }

    private void store(Frame[] frames) {
        for (int i = 0; i < bytes; i++) {
            frames[index(i)].put(offset(i), (byte) (value >>> i * Byte.SIZE));
        }
    }

    private int index(int i) {
        return (int) (Mmu.pageOf(address + i) - Mmu.pageOf(address));
    }

    private int offset(int i) {
        return (int) ((address + i) % Mmu.PAGE_BYTES);
    }
}
