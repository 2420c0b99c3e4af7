package dev.stillframe.tests.qemu;

import java.nio.file.Path;
import java.util.List;

/** What a guest's RAM is in QEMU's process. Immutable. */
public sealed interface GuestMemory {
    /** A memfd, mapped shared. */
    record Memfd() implements GuestMemory {}

    /** A file, mapped shared: QEMU makes it if it is not there, and does not delete it. */
    record SharedFile(Path path) implements GuestMemory {}

    /** Private anonymous memory: what QEMU has when nothing is asked for. */
    record Anonymous() implements GuestMemory {}

    /** The arguments that choose the machine and its memory. */
    default List<String> arguments(int mebibytes) {
        return switch (this) {
            case Memfd() -> backed("memory-backend-memfd", mebibytes, "");
            case SharedFile(Path path) ->
                    backed("memory-backend-file", mebibytes, ",mem-path=" + path);
            case Anonymous() -> List.of("-machine", "q35", "-m", mebibytes + "M");
        };
    }

    private static List<String> backed(String backend, int mebibytes, String where) {
        return List.of(
                "-machine",
                "q35,memory-backend=ram0",
                "-m",
                mebibytes + "M",
                "-object",
                "%s,id=ram0,size=%dM,share=on%s".formatted(backend, mebibytes, where));
    }
}
