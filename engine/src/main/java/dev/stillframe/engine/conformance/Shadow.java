package dev.stillframe.engine.conformance;

import java.util.HashMap;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * What the first process' anonymous memory must hold, from what its threads were seen to do: the
 * check behind all scenarios that no store is lost, torn or invented. Pages whose content somebody
 * else decides are forgotten. Owned by one run.
 */
final class Shadow {
    private final Map<Long, byte[]> pages = new HashMap<>();

    void fill(long address, long bytes, byte value) {
        for (long at = address; at < address + bytes; at += Machine.PAGE_BYTES) {
            pages.put(at, Bytes.filled(Machine.PAGE_BYTES, value));
        }
    }

    void forget(long address, long bytes) {
        pages.keySet()
                .removeIf(page -> page + Machine.PAGE_BYTES > address && page < address + bytes);
    }

    /** A finished act of a thread in this memory. */
    void apply(Act act, Reply reply) {
        if (!(reply instanceof Reply.Done(long result, _))) {
            return;
        }
        if (act.kind() == Act.Kind.DIRECT_READ && result < 0) {
            forget(act.address(), act.bytes()); // a part may have been read
            return;
        }
        switch (act.kind()) {
            case STORE -> put(act.address(), 1, (byte) act.value());
            case STORE8 -> put(act.address(), Long.BYTES, (byte) act.value());
            case CAS -> {
                if (result == 1) {
                    put(act.address(), 1, (byte) act.value());
                }
            }
            case READ, DIRECT_READ, VM_WRITE, MEM_WRITE ->
                    put(act.address(), result, (byte) act.value());
            case POKE -> {
                if (result >= 0) {
                    put(act.address(), Long.BYTES, (byte) act.value());
                }
            }
            case MREMAP -> {
                forget(act.address(), act.bytes());
                if (act.value() != 0) {
                    forget(act.value(), Math.max(act.bytes(), act.other()));
                }
            }
            case IO_READ,
                    ROBUST_FUTEX,
                    MMAP,
                    HAMMER,
                    FUTEX_WAKE_OP,
                    FUTEX_LOCK_PI,
                    MADVISE,
                    MUNMAP,
                    CLONE_CLEARTID ->
                    forget(act.address(), Math.max(act.bytes(), 1));
            default -> {
                // The others do not write to memory.
            }
        }
    }

    private void put(long address, long bytes, byte value) {
        for (long at = address; at < address + bytes; at++) {
            byte[] page = pages.get(at & -Machine.PAGE_BYTES);
            if (page != null) {
                page[(int) (at % Machine.PAGE_BYTES)] = value;
            }
        }
    }

    void clear() {
        pages.clear();
    }

    /** Compares all that is known with what the machine has. */
    void check(Machine machine, LongFunction<String> nameOf) {
        pages.forEach(
                (address, expected) -> {
                    byte[] found = machine.content(Machine.MAIN, address, Machine.PAGE_BYTES);
                    for (int i = 0; i < expected.length; i++) {
                        Mismatch.unless(
                                expected[i] == found[i],
                                "in the end, byte %d of %s is %s; by what the threads did it is %s",
                                i,
                                nameOf.apply(address),
                                Bytes.describe(found[i]),
                                Bytes.describe(expected[i]));
                    }
                });
    }
}
