package dev.stillframe.transport.receiver;

import java.io.IOException;
import java.net.SocketException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * The file of a listening Unix socket, for its owner only from its first moment: it is made in a
 * private directory and then moved to its place. Owned by the receiver.
 */
final class UnixSocketFile implements AutoCloseable {
    private final Path place;
    private final Path cradle;
    private final Path born;
    private boolean published;

    private UnixSocketFile(Path place, Path cradle) {
        this.place = place;
        this.cradle = cradle;
        this.born = cradle.resolve("s");
    }

    /**
     * Prepares a place. What a receiver left there that is gone is removed.
     *
     * @throws IOException if there is something else, or somebody listens
     */
    static UnixSocketFile at(Path place) throws IOException {
        if (Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
            removeLeftover(place);
        }
        Path cradle =
                Files.createTempDirectory(
                        place.toAbsolutePath().getParent(),
                        ".sf",
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rwx------")));
        return new UnixSocketFile(place, cradle);
    }

    private static void removeLeftover(Path place) throws IOException {
        if (!Files.readAttributes(place, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                .isOther()) {
            throw new IOException(
                    place + " is there and is no socket; choose another place, or move it away");
        }
        boolean used;
        try (SocketChannel peer = SocketChannel.open(UnixDomainSocketAddress.of(place))) {
            used = peer.isConnected();
        } catch (SocketException refused) { // it listens no more
            used = false;
        }
        if (used) {
            throw new IOException(
                    "somebody listens on "
                            + place
                            + " already; choose another place, or stop them");
        }
        Files.delete(place);
    }

    /** Where to bind the socket. */
    UnixDomainSocketAddress cradle() {
        return UnixDomainSocketAddress.of(born);
    }

    /** The socket listens: others may see it. */
    void publish() throws IOException {
        Files.setPosixFilePermissions(born, PosixFilePermissions.fromString("rw-------"));
        Files.move(born, place, StandardCopyOption.ATOMIC_MOVE);
        published = true;
    }

    @Override
    public void close() throws IOException {
        Files.deleteIfExists(born);
        Files.deleteIfExists(cradle);
        if (published) {
            Files.deleteIfExists(place);
        }
    }
}
