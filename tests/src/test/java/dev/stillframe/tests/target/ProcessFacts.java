package dev.stillframe.tests.target;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What {@code /proc/PID} tells of a process (proc(5)). Each call reads anew. */
public final class ProcessFacts {
    /** USER_HZ: proc_pid_stat(5). */
    private static final double TICKS_PER_SECOND = 100;

    private static final Pattern MAPPING = Pattern.compile("[0-9a-f]+-[0-9a-f]+ .*");

    private final Path directory;

    /** Facts of process {@code pid}. */
    public ProcessFacts(int pid) {
        directory = Path.of("/proc", Integer.toString(pid));
    }

    /** The lines of {@code maps}. */
    public List<String> mappings() throws IOException {
        return Files.readAllLines(directory.resolve("maps"), UTF_8);
    }

    /** Open descriptors and what they point to. */
    public SortedMap<String, String> descriptors() throws IOException {
        SortedMap<String, String> found = new TreeMap<>();
        try (Stream<Path> entries = Files.list(directory.resolve("fd"))) {
            for (Path entry : entries.toList()) {
                open(entry).ifPresent(what -> found.put(entry.getFileName().toString(), what));
            }
        }
        return found;
    }

    /** What a descriptor points to; nothing if the process has closed it since it was listed. */
    private static Optional<String> open(Path descriptor) throws IOException {
        try {
            return Optional.of(Files.readSymbolicLink(descriptor).toString());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    /**
     * Mappings that are registered for write protection: those with {@code uw} in {@code VmFlags}
     * of smaps.
     */
    public List<String> protectedMappings() throws IOException {
        String[] mapping = {""};
        return Files.readAllLines(directory.resolve("smaps"), UTF_8).stream()
                .peek(line -> mapping[0] = MAPPING.matcher(line).matches() ? line : mapping[0])
                .filter(
                        line ->
                                line.startsWith("VmFlags:")
                                        && List.of(line.split(" ", -1)).contains("uw"))
                .map(line -> mapping[0])
                .toList();
    }

    /**
     * A sum over all mappings in KiB, for instance {@code Rss} or {@code AnonHugePages};
     * smaps_rollup.
     */
    public long kibibytes(String field) throws IOException {
        return number(Files.readString(directory.resolve("smaps_rollup"), UTF_8), field);
    }

    /**
     * What {@code status} says under {@code field}, for instance {@code TracerPid} or {@code
     * SigBlk}.
     */
    public String status(String field) throws IOException {
        Matcher matcher =
                Pattern.compile("(?m)^" + field + ":\\s*(.*)$")
                        .matcher(Files.readString(directory.resolve("status"), UTF_8));
        if (!matcher.find()) {
            throw new IOException("no " + field + " in " + directory.resolve("status"));
        }
        return matcher.group(1);
    }

    /** Page faults that needed no disk, of all threads so far; {@code minflt} of {@code stat}. */
    public long minorFaults() throws IOException {
        return Long.parseLong(statBehindName()[7]);
    }

    /** Processor time of all threads so far, of their own and in the kernel. */
    public double cpuSeconds() throws IOException {
        String[] stat = statBehindName();
        return (Long.parseLong(stat[11]) + Long.parseLong(stat[12])) / TICKS_PER_SECOND;
    }

    private String[] statBehindName() throws IOException {
        String stat = Files.readString(directory.resolve("stat"), UTF_8);
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    }

    /** Blocked, ignored, caught and pending signals of every thread. */
    public SortedMap<String, String> signals() throws IOException {
        SortedMap<String, String> found = new TreeMap<>();
        try (Stream<Path> threads = Files.list(directory.resolve("task"))) {
            for (Path thread : threads.toList()) {
                try (Stream<String> lines = Files.lines(thread.resolve("status"), UTF_8)) {
                    found.put(
                            thread.getFileName().toString(),
                            String.join(
                                    " ",
                                    lines.filter(
                                                    line ->
                                                            line.matches(
                                                                    "(Sig(Pnd|Blk|Ign|Cgt)|ShdPnd|TracerPid):.*"))
                                            .toList()));
                }
            }
        }
        return found;
    }

    /** {@code State} of every thread, for instance {@code T (stopped)}. */
    public List<String> threadStates() throws IOException {
        List<String> states = new ArrayList<>();
        try (Stream<Path> threads = Files.list(directory.resolve("task"))) {
            for (Path thread : threads.toList()) {
                try (Stream<String> lines = Files.lines(thread.resolve("status"), UTF_8)) {
                    lines.filter(line -> line.startsWith("State:"))
                            .map(line -> line.substring(7))
                            .forEach(states::add);
                }
            }
        }
        return states;
    }

    /**
     * Whether a thread waits for a page that a userfaultfd is to bring ({@code wchan} of
     * proc_pid_wchan(5)).
     */
    public boolean missesPage() throws IOException {
        try (Stream<Path> threads = Files.list(directory.resolve("task"))) {
            for (Path thread : threads.toList()) {
                if (Files.readString(thread.resolve("wchan"), UTF_8).equals("handle_userfault")) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Reads memory while the process runs on, with no protection whatever. */
    public byte[] memory(long address, int length) throws IOException {
        try (RandomAccessFile memory =
                new RandomAccessFile(directory.resolve("mem").toFile(), "r")) {
            byte[] bytes = new byte[length];
            memory.seek(address);
            memory.readFully(bytes);
            return bytes;
        }
    }

    private static long number(String text, String field) throws IOException {
        Matcher matcher = Pattern.compile("(?m)^" + field + ":\\s*(\\d+)").matcher(text);
        if (!matcher.find()) {
            throw new IOException("no " + field);
        }
        return Long.parseLong(matcher.group(1));
    }
}
