package dev.stillframe.agent.doctor;

import dev.stillframe.agent.doctor.Readiness.Finding;
import dev.stillframe.engine.linux.Descriptor;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.ErrnoException;
import dev.stillframe.engine.linux.PagemapScan;
import dev.stillframe.engine.linux.Pidfd;
import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.process.Mapping;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Asks the kernel itself, by the calls that a snapshot makes, on this process alone and without
 * protecting anything.
 */
final class KernelFindings {
    private static final String NEWER_KERNEL = "boot Linux 6.9 or newer";

    private final int pid = (int) ProcessHandle.current().pid();

    List<Finding> all() {
        return List.of(
                userfaultfd(),
                features(),
                pageMap(),
                processMemory(),
                threadDescriptors(),
                mappedFiles());
    }

    private static Finding userfaultfd() {
        try (Userfaultfd probe = Userfaultfd.create()) {
            probe.enable();
            return Finding.ok("userfaultfd", "can be made by this process");
        } catch (ErrnoException e) {
            String remedy =
                    e.is(Errno.ENOSYS)
                            ? "use a kernel that is built with CONFIG_USERFAULTFD"
                            : "run as root or with CAP_SYS_PTRACE, or sysctl vm.unprivileged_userfaultfd=1";
            return Finding.fail("userfaultfd", String.valueOf(e.getMessage()), remedy);
        }
    }

    private static Finding features() {
        List<String> lacking = new ArrayList<>();
        for (Userfaultfd.Feature feature : Userfaultfd.Feature.values()) {
            try (Userfaultfd probe = Userfaultfd.create()) {
                probe.enable(feature);
            } catch (ErrnoException e) {
                lacking.add(feature.name());
            }
        }
        return lacking.isEmpty()
                ? Finding.ok("write-protection", "of all kinds of memory, with events")
                : Finding.fail(
                        "write-protection", "without " + String.join(", ", lacking), NEWER_KERNEL);
    }

    private Finding pageMap() {
        try (PagemapScan scan = PagemapScan.of(pid)) {
            Mapping mapping = Mapping.of(pid).getFirst();
            scan.scan(
                    mapping.range().start(),
                    mapping.range().end(),
                    new PagemapScan.Query(0, 0, PagemapScan.PRESENT, PagemapScan.PRESENT),
                    (start, end, categories) -> {});
            return Finding.ok("PAGEMAP_SCAN", "works");
        } catch (IOException e) {
            return Finding.fail("PAGEMAP_SCAN", String.valueOf(e.getMessage()), NEWER_KERNEL);
        }
    }

    private Finding processMemory() {
        try (ProcessMemory memory = ProcessMemory.of(pid)) {
            memory.read(Mapping.of(pid).getFirst().range().start(), Integer.BYTES);
            return Finding.ok("process memory", "can be read");
        } catch (IOException e) {
            return Finding.fail(
                    "process memory",
                    String.valueOf(e.getMessage()),
                    "run as root or with CAP_SYS_PTRACE");
        }
    }

    private Finding threadDescriptors() {
        try (Pidfd thread = Pidfd.openThread(pid)) {
            return Finding.ok(
                    "pidfd of threads",
                    thread.hasEnded() ? "odd: this process has ended" : "works");
        } catch (ErrnoException e) {
            return Finding.fail("pidfd of threads", String.valueOf(e.getMessage()), NEWER_KERNEL);
        }
    }

    /** Needed for shared memory and for the files behind mappings. */
    private Finding mappedFiles() {
        try {
            for (Mapping mapping : Mapping.of(pid)) {
                if (mapping.inode() != 0) {
                    Descriptor.openRead("/proc/" + pid + "/map_files/" + mapping.range()).close();
                    break;
                }
            }
            return Finding.ok("map_files", "can be opened");
        } catch (IOException e) {
            return Finding.fail(
                    "map_files",
                    String.valueOf(e.getMessage()),
                    "run as root or with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN");
        }
    }
}
