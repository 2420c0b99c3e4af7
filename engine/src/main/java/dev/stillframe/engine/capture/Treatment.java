package dev.stillframe.engine.capture;

import dev.stillframe.engine.memory.RegionKind;
import dev.stillframe.engine.process.Mapping;
import java.util.Map;
import java.util.Set;

/**
 * How a mapping is captured. Immutable.
 *
 * @param kind what it is made of
 * @param way what is done with it
 * @param reason why it is missing; empty unless it is or may be
 */
record Treatment(RegionKind kind, Way way, String reason) {
    /** Ways to capture. */
    enum Way {
        /** Write-protected, copied while the target runs. */
        PROTECT,
        /** Copied where writes are marked; missing where they would have to wait. */
        MARK,
        /** Pages that are no longer the file's are copied while the target is stopped. */
        COPY_CHANGED,
        /** Copied whole while the target is stopped. */
        COPY_WHOLE,
        /** Nothing is copied: the file, or the kernel, has it. */
        REFERENCE,
        /** Listed as missing. */
        MISSING
    }

    private static final Set<String> KERNELS_OWN =
            Set.of("[vvar]", "[vvar_vclock]", "[uprobes]", "[vsyscall]");

    /** The same with the VmFlags of all mappings, by their starts. */
    static Treatment of(Mapping mapping, Map<Long, Set<String>> flags) {
        return of(mapping, flags.getOrDefault(mapping.range().start(), Set.of()));
    }

    /**
     * Decides by what {@code /proc/PID/maps} says.
     *
     * @param flags the kernel's VmFlags, empty where they were not read
     */
    static Treatment of(Mapping mapping, Set<String> flags) {
        String name = mapping.name();
        if (KERNELS_OWN.contains(name)) {
            return new Treatment(RegionKind.KERNEL, Way.REFERENCE, "");
        }
        if (name.equals("[vdso]")) {
            return new Treatment(RegionKind.KERNEL, Way.COPY_WHOLE, "");
        }
        if (flags.contains("io") || flags.contains("pf")) {
            return missing("device memory changes without a page fault");
        }
        if (name.startsWith("anon_inode:") || name.startsWith("/anon_inode:")) {
            return missing(
                    "memory shared with the kernel ("
                            + name.substring(name.indexOf(':') + 1)
                            + ")");
        }
        if (flags.contains("mg")) {
            return missing(
                    "mergeable memory: the kernel drops the protection of pages that it merges; turn KSM off (echo 0 > /sys/kernel/mm/ksm/run)");
        }
        if (flags.contains("ht")) {
            return new Treatment(RegionKind.HUGETLB, Way.PROTECT, "");
        }
        if (mapping.isShared()) {
            return ofShared(mapping);
        }
        if (mapping.inode() == 0) {
            return new Treatment(RegionKind.ANONYMOUS, Way.PROTECT, "");
        }
        boolean fileGone = name.endsWith(" (deleted)") || name.startsWith("/memfd:");
        return new Treatment(
                RegionKind.PRIVATE_FILE, fileGone ? Way.COPY_WHOLE : Way.COPY_CHANGED, "");
    }

    private static Treatment ofShared(Mapping mapping) {
        if (mapping.name()
                .startsWith("/SYSV")) { // its vm_operations are not those of shmem, so userfaultfd
            // refuses it
            return mapping.range().sizeBytes() <= Mapping.SMALL_BYTES
                    ? new Treatment(RegionKind.SHARED, Way.COPY_WHOLE, "")
                    : new Treatment(
                            RegionKind.SHARED,
                            Way.MISSING,
                            "System V shared memory (shmget), which no kernel can protect; up to 1 MiB of it is copied in the pause,"
                                    + " and memory of shm_open or memfd_create is captured whatever its size");
        }
        if (mapping.isSharedMemory()) {
            return new Treatment(RegionKind.SHARED, Way.PROTECT, "");
        }
        if (!mapping.isWritable()) {
            return new Treatment(RegionKind.SHARED_FILE, Way.REFERENCE, "");
        }
        if (!mapping.isLargeWritableFile()) {
            return new Treatment(RegionKind.SHARED_FILE, Way.COPY_WHOLE, "");
        }
        return new Treatment(
                RegionKind.SHARED_FILE,
                Way.MARK,
                "a writable shared mapping of a file cannot be protected; the file has what was written to it");
    }

    private static Treatment missing(String reason) {
        return new Treatment(RegionKind.DEVICE, Way.MISSING, reason);
    }
}
