package dev.stillframe.engine.capture;

import static java.util.Objects.requireNonNull;

import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.linux.KernelVersion;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.process.EndedChildren;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.OpenDescriptor;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.TargetException;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Shared memory that somebody else may have written: somebody who has it open, and can change it
 * past every page table, or a child that has ended before it was looked for. Small memory that is
 * open is copied in the freeze; of the other the times tell whether it was written after T0, by
 * whomever, and then it is listed. Owned by the thread that takes the snapshot, but in the freeze
 * by the arming worker.
 */
final class OthersMemory {
    /**
     * So many are asked for their times in the pause; of more it is not known that they did not
     * change.
     */
    private static final int MOST_ASKED = 500;

    private static final String BY_A_CHILD =
            "shared memory that was written while it was copied, perhaps by a child process that has ended since: it may be of more than one instant";

    /** All together: so much is copied page by page in two milliseconds. */
    private static final long SMALL_BYTES = 2 << 20;

    /**
     * Before Linux 6.13 times of files are those of the timer's last tick: one that is younger than
     * that may stay the same at the next change. Since then a time that somebody has asked for
     * changes: Documentation/filesystems/multigrain-ts.rst.
     */
    private static final long COARSE_NANOS = KernelVersion.isAtLeast(6, 13) ? 0 : 20_000_000;

    private final Target target;
    private final boolean trustsOwnDescriptors;
    private final Map<String, OpenDescriptor> descriptors = new HashMap<>();
    private final Map<String, MemoryFile.State> atT0 = new HashMap<>();
    private final List<AddressRange> small = new ArrayList<>();
    private EndedChildren children = EndedChildren.NONE;
    private int targetPid;

    OthersMemory(Target target, boolean trustsOwnDescriptors) {
        this.target = target;
        this.trustsOwnDescriptors = trustsOwnDescriptors || target.writesByMappingsOnly();
    }

    /** Before anything is protected. */
    void begin() throws IOException {
        children = target.endedChildren();
        targetPid = target.source().pid();
    }

    /** Looks for descriptors of what is mapped; the first of each memory is remembered. */
    void look(List<Mapping> mappings) throws IOException {
        for (OpenDescriptor each : target.openDescriptors(mappings)) {
            if (!trustsOwnDescriptors || !isOwn(each)) {
                descriptors.putIfAbsent(each.object(), each);
            }
        }
    }

    private boolean isOwn(OpenDescriptor each) {
        return each.pid() == targetPid;
    }

    /**
     * Before arming: small memory that is open, which must not be protected: it is copied in the
     * freeze.
     */
    List<AddressRange> small(List<Mapping> mappings) {
        long bytes = 0;
        for (Mapping mapping : mappings) {
            if (isOpen(mapping.object())
                    && mapping.isSharedMemory()
                    && bytes + mapping.range().sizeBytes() <= SMALL_BYTES) {
                bytes += mapping.range().sizeBytes();
                small.add(mapping.range());
            }
        }
        return List.copyOf(small);
    }

    /** Whether there is a descriptor for the memory {@code object}. */
    boolean isOpen(String object) {
        return descriptors.containsKey(object);
    }

    /** In the freeze, before anything is looked at: what changes from now on is of after T0. */
    void freeze(List<TrackedMapping> tracked) throws IOException {
        for (TrackedMapping t : tracked) {
            if (t.file() != null
                    && !atT0.containsKey(t.object())
                    && (isOpen(t.object()) || atT0.size() < MOST_ASKED)) {
                atT0.put(t.object(), t.file().state());
            }
        }
    }

    /**
     * When the last page has been copied: what has changed since the freeze, or of which that
     * cannot be told.
     */
    List<Missing> changed(List<TrackedMapping> tracked, Instant instant) throws IOException {
        List<Missing> changed = new ArrayList<>();
        List<TrackedMapping> large =
                tracked.stream().filter(t -> t.file() != null && !isSmall(t.range())).toList();
        boolean childEnded = !large.isEmpty() && childEnded();
        for (TrackedMapping t : large) {
            if ((childEnded || isOpen(t.object()))
                    && hasChanged(t.object(), requireNonNull(t.file()), instant)) {
                OpenDescriptor by = descriptors.get(t.object());
                changed.add(new Missing(t.range(), by == null ? BY_A_CHILD : reason(by)));
            }
        }
        return changed;
    }

    /** Also where the target itself has ended, and nobody can tell any more. */
    private boolean childEnded() throws IOException {
        try {
            return !target.endedChildren().equals(children);
        } catch (TargetException e) {
            return true;
        }
    }

    /** Whether it is of the memory that is {@linkplain #small small}. */
    boolean isSmall(AddressRange range) {
        return small.stream()
                .anyMatch(each -> each.start() <= range.start() && range.end() <= each.end());
    }

    private boolean hasChanged(String object, MemoryFile file, Instant instant) throws IOException {
        MemoryFile.State before = atT0.get(object);
        return before == null
                || (COARSE_NANOS > 0 && before.modified().isAfter(instant.minusNanos(COARSE_NANOS)))
                || !file.state().equals(before);
    }

    private String reason(OpenDescriptor by) {
        String seen =
                "shared memory that was written while it was copied, and that %s can write without a fault: it may be of more than one instant"
                        .formatted(by);
        return isOwn(by)
                ? seen
                        + ". If the process writes it by its mappings only, say so with --trust-own-descriptors"
                : seen;
    }
}
