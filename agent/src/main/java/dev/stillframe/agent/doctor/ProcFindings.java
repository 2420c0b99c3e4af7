package dev.stillframe.agent.doctor;

import dev.stillframe.agent.doctor.Readiness.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code /proc} and {@code /sys} tell about the kernel, our privileges and our limits; no
 * system call is probed here. Immutable.
 */
final class ProcFindings {
    /** Threads by pidfd came in 6.9; PAGEMAP_SCAN in 6.7. */
    private static final int KERNEL_MAJOR_LEAST = 6;

    private static final int KERNEL_MINOR_LEAST = 9;

    /** Bits of {@code CapEff}: {@code include/uapi/linux/capability.h}. */
    private static final int CAP_SYS_PTRACE = 19;

    private static final int CAP_SYS_ADMIN = 21;
    private static final int CAP_CHECKPOINT_RESTORE = 40;

    private static final long OPEN_FILES_LEAST = 256;
    private static final long AVAILABLE_LEAST_BYTES = 1L << 30;
    private static final Pattern RELEASE = Pattern.compile("(\\d+)\\.(\\d+).*");

    private final Path proc;
    private final Path sys;

    /** {@code proc} and {@code sys} are where those file systems are mounted. */
    ProcFindings(Path proc, Path sys) {
        this.proc = proc;
        this.sys = sys;
    }

    List<Finding> all() {
        List<Finding> findings = new ArrayList<>();
        findings.add(kernel());
        findings.addAll(privileges());
        findings.add(unprivileged());
        findings.add(yama());
        findings.add(seccomp());
        findings.add(openFiles());
        findings.add(lockedMemory());
        findings.add(memory());
        findings.add(hugePages());
        return findings;
    }

    Finding kernel() {
        String release = read(proc.resolve("sys/kernel/osrelease")).orElse("unknown");
        String least = KERNEL_MAJOR_LEAST + "." + KERNEL_MINOR_LEAST;
        Matcher matcher = RELEASE.matcher(release);
        if (!matcher.matches()) {
            return Finding.fail(
                    "kernel",
                    release,
                    "run this on Linux " + least + " or newer, with /proc mounted");
        }
        int major = Integer.parseInt(matcher.group(1));
        int minor = Integer.parseInt(matcher.group(2));
        boolean enough =
                major > KERNEL_MAJOR_LEAST
                        || (major == KERNEL_MAJOR_LEAST && minor >= KERNEL_MINOR_LEAST);
        return enough
                ? Finding.ok("kernel", release)
                : Finding.fail(
                        "kernel",
                        release,
                        "boot Linux "
                                + least
                                + " or newer: PAGEMAP_SCAN and pidfds of threads are needed");
    }

    List<Finding> privileges() {
        long effective = status("CapEff").map(mask -> Long.parseUnsignedLong(mask, 16)).orElse(0L);
        boolean ptrace = has(effective, CAP_SYS_PTRACE);
        boolean restore = has(effective, CAP_CHECKPOINT_RESTORE);
        boolean admin = has(effective, CAP_SYS_ADMIN);
        return List.of(
                ptrace
                        ? Finding.ok("CAP_SYS_PTRACE", "held")
                        : Finding.warn(
                                "CAP_SYS_PTRACE",
                                "not held: only processes of the same user can be reached",
                                "run as root, or: setpriv --ambient-caps"
                                        + " +sys_ptrace,+checkpoint_restore"),
                restore || admin
                        ? Finding.ok(
                                "CAP_CHECKPOINT_RESTORE",
                                restore ? "held" : "not held, but CAP_SYS_ADMIN stands in for it")
                        : Finding.warn(
                                "CAP_CHECKPOINT_RESTORE",
                                "not held, nor CAP_SYS_ADMIN: mapped files cannot be read by"
                                        + " mapping",
                                "run as root, or add +checkpoint_restore to the ambient"
                                        + " capabilities"));
    }

    /** The userfaultfd is made in the target, with the target's privileges; see userfaultfd(2). */
    Finding unprivileged() {
        String name = "vm.unprivileged_userfaultfd";
        Optional<String> value = read(proc.resolve("sys/vm/unprivileged_userfaultfd"));
        if (value.isEmpty()) {
            return Finding.fail(
                    name,
                    "not there",
                    "boot a kernel built with CONFIG_USERFAULTFD=y, with /proc mounted");
        }
        return value.get().equals("1")
                ? Finding.ok(name, "1")
                : Finding.ok(
                        name,
                        value.get()
                                + ": targets without CAP_SYS_PTRACE of their own are captured with"
                                + " the instant at the end; for --instant start, sysctl -w"
                                + " vm.unprivileged_userfaultfd=1");
    }

    /** {@code Documentation/admin-guide/LSM/Yama.rst}. */
    Finding yama() {
        String name = "yama ptrace_scope";
        String scope = read(proc.resolve("sys/kernel/yama/ptrace_scope")).orElse("");
        boolean ptrace =
                status("CapEff")
                        .map(mask -> has(Long.parseUnsignedLong(mask, 16), CAP_SYS_PTRACE))
                        .orElse(false);
        return switch (scope) {
            case "" -> Finding.ok(name, "no Yama");
            case "0" -> Finding.ok(name, "0");
            case "3" ->
                    Finding.fail(
                            name,
                            "3: nobody may attach",
                            "reboot with kernel.yama.ptrace_scope below 3");
            default ->
                    ptrace
                            ? Finding.ok(name, scope + ", and CAP_SYS_PTRACE is held")
                            : Finding.fail(
                                    name,
                                    scope
                                            + " without CAP_SYS_PTRACE: only children can be"
                                            + " attached to",
                                    "run as root, or: sysctl -w kernel.yama.ptrace_scope=0");
        };
    }

    Finding seccomp() {
        String mode = status("Seccomp").orElse("0");
        return mode.equals("0")
                ? Finding.ok("seccomp", "no filter on this process")
                : Finding.warn(
                        "seccomp",
                        "mode " + mode + ": a container's filter may refuse userfaultfd and ptrace",
                        "run outside the container, or with seccomp=unconfined");
    }

    Finding openFiles() {
        String limit = limit("Max open files").orElse("unknown");
        boolean low = limit.matches("\\d+") && Long.parseLong(limit) < OPEN_FILES_LEAST;
        return low
                ? Finding.warn("open files", limit, "ulimit -n 1024")
                : Finding.ok("open files", "limit " + limit);
    }

    Finding lockedMemory() {
        return Finding.ok(
                "locked memory",
                "limit " + limit("Max locked memory").orElse("unknown") + " bytes");
    }

    Finding memory() {
        Optional<Long> available = meminfo("MemAvailable");
        if (available.isEmpty()) {
            return Finding.warn("memory", "cannot read /proc/meminfo", "mount /proc");
        }
        String found = mebibytes(available.get()) + " available";
        return available.get() >= AVAILABLE_LEAST_BYTES
                ? Finding.ok("memory", found)
                : Finding.warn(
                        "memory",
                        found + ", of which staging takes a quarter at most",
                        "free some, or a process may wait for the disk where the instant is at the"
                                + " start");
    }

    Finding hugePages() {
        String transparent =
                read(sys.resolve("kernel/mm/transparent_hugepage/enabled"))
                        .map(ProcFindings::selected)
                        .orElse("not there");
        String pool = meminfoText("HugePages_Total").orElse("0");
        return Finding.ok(
                "huge pages", "transparent: " + transparent + "; in the hugetlb pool: " + pool);
    }

    private static boolean has(long mask, int bit) {
        return (mask >>> bit & 1) == 1;
    }

    /** The bracketed word of {@code always [madvise] never}. */
    private static String selected(String choices) {
        Matcher matcher = Pattern.compile("\\[(\\w+)]").matcher(choices);
        return matcher.find() ? matcher.group(1) : choices;
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MiB", bytes >> 20);
    }

    private Optional<String> status(String key) {
        return field(proc.resolve("self/status"), key + ":");
    }

    /** The soft limit: the first column behind the name. */
    private Optional<String> limit(String name) {
        return field(proc.resolve("self/limits"), name).map(text -> text.replaceFirst("\\s.*", ""));
    }

    private Optional<String> meminfoText(String key) {
        return field(proc.resolve("meminfo"), key + ":");
    }

    private Optional<Long> meminfo(String key) {
        return meminfoText(key).map(text -> Long.parseLong(text.replace(" kB", "")) << 10);
    }

    private static Optional<String> field(Path file, String prefix) {
        return read(file)
                .flatMap(text -> text.lines().filter(line -> line.startsWith(prefix)).findFirst())
                .map(line -> line.substring(prefix.length()).strip());
    }

    private static Optional<String> read(Path file) {
        try {
            return Optional.of(Files.readString(file).strip());
        } catch (NoSuchFileException e) {
            return Optional
                    .empty(); // an old kernel, or /proc is not mounted: the caller says which
        } catch (IOException e) {
            return Optional.of("unreadable: " + e.getMessage());
        }
    }
}
