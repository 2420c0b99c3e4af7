package dev.stillframe.engine.mmu;

import org.jspecify.annotations.Nullable;

/**
 * A line of /proc/PID/maps. Immutable.
 *
 * @param object what is mapped; null: anonymous memory
 * @param objectOffset where in it the range begins, in bytes
 * @param isTracked whether it is registered with a userfaultfd
 */
public record Mapped(
        long start,
        long end,
        boolean readable,
        boolean writable,
        boolean shared,
        @Nullable SharedObject object,
        long objectOffset,
        boolean isTracked) {}
