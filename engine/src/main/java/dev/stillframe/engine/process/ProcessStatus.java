package dev.stillframe.engine.process;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** {@code /proc/PID/status} by field, and the few facts that only other files have. Immutable. */
final class ProcessStatus {
    private final int pid;
    private final Map<String, String> fields;

    private ProcessStatus(int pid, Map<String, String> fields) {
        this.pid = pid;
        this.fields = fields;
    }

    static ProcessStatus of(int pid) throws IOException {
        try {
            Map<String, String> fields = new HashMap<>();
            for (String line :
                    Processes.read(Path.of("/proc/" + pid + "/status")).lines().toList()) {
                int colon = line.indexOf(':');
                fields.put(line.substring(0, colon), line.substring(colon + 1).strip());
            }
            return new ProcessStatus(pid, fields);
        } catch (NoSuchFileException e) {
            throw new TargetException(
                    "no process has the id " + pid + "; see `ps -e` for those that run", e);
        }
    }

    /** A field's value, empty if this kernel does not have it. */
    String text(String field) {
        return fields.getOrDefault(field, "");
    }

    /** A field's first number, 0 if this kernel does not have it. */
    int number(String field) {
        String text = text(field);
        return text.isEmpty() ? 0 : Integer.parseInt(text.split("\\s+", 2)[0]);
    }

    char state() {
        return text("State").charAt(0);
    }

    boolean hasMemory() {
        return fields.containsKey("VmSize");
    }

    String command() {
        return text("Name");
    }

    List<String> arguments() throws IOException {
        String line = Processes.read(Path.of("/proc/" + pid + "/cmdline"));
        return line.isEmpty() ? List.of() : Arrays.asList(line.split("\0"));
    }

    /** Process group and session, fields 5 and 6 of {@code /proc/PID/stat}. */
    int[] groupAndSession() throws IOException {
        String[] rest = statBehindName();
        return new int[] {Integer.parseInt(rest[2]), Integer.parseInt(rest[3])};
    }

    /** Minor page faults of children that were waited for, field 11 of {@code /proc/PID/stat}. */
    long faultsOfChildren() throws IOException {
        return Long.parseLong(statBehindName()[8]);
    }

    /** The name may hold blanks and brackets; it ends at the last ')'. */
    private String[] statBehindName() throws IOException {
        String stat = Processes.read(Path.of("/proc/" + pid + "/stat"));
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    }
}
