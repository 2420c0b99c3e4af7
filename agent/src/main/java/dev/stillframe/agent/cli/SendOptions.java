package dev.stillframe.agent.cli;

import dev.stillframe.agent.job.RateFile;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.sender.RateLimit;
import dev.stillframe.transport.sender.SenderOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options of a command that sends pages to a receiver. */
final class SendOptions {
    /** At most this share of the staging is kept until the receiver has it on its disk. */
    private static final int SHARE_OF_STAGING = 4;

    private static final Duration FOR_EVER = Duration.ofDays(3650);

    @Option(
            names = "--lanes",
            paramLabel = "N",
            description =
                    "With --to: connections that carry pages, 1 to 64 (default: from the"
                            + " processors).")
    private @Nullable Integer lanes;

    @Option(
            names = "--rate",
            paramLabel = "SIZE",
            description =
                    "With --to: send at most this much a second, 100M for instance (default: no"
                            + " limit).")
    private @Nullable ByteSize rate;

    @Option(
            names = "--rate-file",
            paramLabel = "FILE",
            description =
                    "With --to: like --rate, but the limit stands in FILE, which is read again every"
                            + " second; 0 is no limit.")
    private @Nullable Path rateFile;

    @Option(
            names = "--retry-for",
            paramLabel = "TIME",
            description =
                    "With --to: when the connection is lost, try again until nothing has got through"
                            + " for this long (default: for ever). The first connection is tried"
                            + " once.")
    private @Nullable Duration retryFor;

    @Option(
            names = "--compress",
            paramLabel = "off|fast|small|adaptive",
            description =
                    "With --to: off sends pages as they are, fast spends little to make them shorter,"
                            + " small spends more, adaptive as much as the network is worth"
                            + " (default).")
    private @Nullable Preset compress;

    /** Whether any of them was given. */
    boolean areUsed() {
        return lanes != null
                || rate != null
                || rateFile != null
                || retryFor != null
                || compress != null;
    }

    /** What the transport is told; {@code stagingBytes} bounds what it keeps. */
    SenderOptions options(Credentials credentials, Duration timeout, long stagingBytes) {
        SenderOptions.Timeouts usual = SenderOptions.Timeouts.DEFAULT;
        long retain =
                Math.clamp(
                        stagingBytes / SHARE_OF_STAGING,
                        SenderOptions.MIN_RETAIN_BYTES,
                        SenderOptions.DEFAULT.retainBytes());
        return new SenderOptions(
                lanes == null ? SenderOptions.defaultLanes() : lanes,
                retain,
                SenderOptions.DEFAULT.encodingBytes(),
                compress == null ? SenderOptions.DEFAULT.preset() : compress,
                credentials,
                new SenderOptions.Timeouts(usual.connect(), timeout, usual.idle()),
                retryFor);
    }

    /** How long a snapshot waits for its receiver: what bounds that is the number of attempts. */
    Duration patience() {
        return retryFor == null ? FOR_EVER : retryFor.multipliedBy(2);
    }

    /** The limit as it is at first. */
    RateLimit rate() {
        return new RateLimit(rate == null ? RateLimit.UNLIMITED : rate.bytes());
    }

    /** Follows the file with the limit, if there is one; the caller closes what it gets. */
    @Nullable RateFile follow(RateLimit limit) throws IOException {
        return rateFile == null ? null : new RateFile(rateFile, SendOptions::bytes, limit);
    }

    private static long bytes(String text) {
        try {
            return ByteSize.parse(text).bytes();
        } catch (TypeConversionException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }
}
