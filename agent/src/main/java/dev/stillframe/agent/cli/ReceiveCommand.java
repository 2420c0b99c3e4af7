package dev.stillframe.agent.cli;

import dev.stillframe.agent.job.Reception;
import dev.stillframe.agent.metrics.Metrics;
import dev.stillframe.engine.document.HeapAllowance;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageStore;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.transport.net.NetworkTransport;
import dev.stillframe.transport.receiver.ReceiverEvents;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code stillframe receive}. */
@Command(
        name = "receive",
        description = {
            "Receive images and keep them in a store, until told to stop (SIGINT or SIGTERM).",
            "",
            "An image appears under its name when all of it has arrived, is checked and is on the"
                    + " disk. What was cut off on the way stays under a name with .partial- in it, and"
                    + " its sender goes on there when it comes again, also after a restart; see list"
                    + " and remove. Without TLS it listens on loopback only, and whoever can connect"
                    + " can send; with --tls-cert, --tls-key and --tls-ca a sender needs a certificate by"
                    + " that authority.",
            "",
            "What was interrupted or failed is said on standard error, with the reason.",
            "",
            "With --json, one object a line: event listening, image, interrupted or failed."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe receive --listen 127.0.0.1:7070 --store /data/images",
            "  stillframe receive --listen 127.0.0.1:0 --store images --json"
        })
final class ReceiveCommand implements Callable<Integer> {
    /** Lines that wait to be printed; an image takes far longer than its line. */
    private static final int LINES_MAX = 1024;

    /**
     * Of the heap that one image may take to be shown, beside the half that the receiver has for
     * others.
     */
    private static final int PART_OF_HEAP = 4;

    private final Reception.Starter starter;

    @Mixin private Output output = new Output();

    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT|unix:PATH",
            required = true,
            description =
                    "Where to listen; port 0 takes a free one, which is printed. A Unix socket is for"
                            + " its owner only.")
    private Endpoint listen = new HostPort("", 0);

    @Option(
            names = "--store",
            paramLabel = "DIR",
            required = true,
            description = "Directory for the images; made if it is not there.")
    private Path store = Path.of("");

    @Mixin private SecurityOptions security = new SecurityOptions();

    @Option(
            names = "--tls-allow",
            paramLabel = "NAME",
            description =
                    "Take images only from senders whose certificate has this name; may be repeated"
                            + " (default: all that the authority signed).")
    private Set<String> allowed = Set.of();

    @Option(
            names = "--insecure",
            description =
                    "Allow an address that is not loopback without TLS: anyone on the way can listen"
                            + " in.")
    private boolean insecure;

    @Option(
            names = "--serve",
            description =
                    "Let whoever may send also read: stillframe restore --from runs machines from these images.")
    private boolean serve;

    ReceiveCommand(Reception.Starter starter) {
        this.starter = starter;
    }

    /** What happened, from the receiver's threads to ours. */
    private sealed interface Happening {
        /** An image is published. */
        record Published(String name, String peer) implements Happening {}

        /** A connection was lost. */
        record Suspended(String name, String peer, String reason) implements Happening {}

        /** An image was given up. */
        record Failed(String name, String peer, String reason) implements Happening {}
    }

    /** The first line of JSON. */
    record ListeningFact(String event, String address, String store) {}

    /** A line of JSON for a finished image. */
    record ImageFact(
            String event,
            String name,
            String image,
            String peer,
            String rootHash,
            int pid,
            long pages,
            long bytes,
            boolean complete,
            List<MissingFact> missing) {}

    /** A line of JSON for an image that was interrupted or given up. */
    record FailedFact(String event, String name, String peer, String reason) {}

    @Override
    public Integer call() throws Exception {
        SocketAddress address = address();
        ImageStore images = ImageStore.open(store);
        BlockingQueue<Happening> happenings = new ArrayBlockingQueue<>(LINES_MAX);
        AtomicLong unprinted = new AtomicLong();
        try (Reception reception =
                starter.start(
                        address,
                        new Reception.Shelf(images, serve),
                        security.credentials(allowed),
                        events(happenings, unprinted),
                        Metrics.create())) {
            listening(images, reception.address());
            while (true) {
                print(images, happenings.take());
                if (unprinted.get() > 0) {
                    output.note(
                            "stillframe receive: "
                                    + unprinted.getAndSet(0)
                                    + " lines were left out");
                }
            }
        } catch (InterruptedException e) {
            return ExitCode.DONE; // told to stop: that is how this command ends
        }
    }

    private SocketAddress address() throws Failure {
        SocketAddress address = listen.resolve();
        if (!Endpoint.isLocal(address) && !security.encrypts() && !insecure) {
            throw new Failure(
                    "refusing to listen on "
                            + listen
                            + " without encryption: anyone could listen in; give --tls-cert,"
                            + " --tls-key and --tls-ca, or use 127.0.0.1, or add --insecure on a"
                            + " network you trust");
        }
        if (!allowed.isEmpty() && !security.encrypts()) {
            throw new Failure("--tls-allow needs --tls-cert, --tls-key and --tls-ca");
        }
        return address;
    }

    private static ReceiverEvents events(
            BlockingQueue<Happening> happenings, AtomicLong unprinted) {
        return new ReceiverEvents() {
            @Override
            public void published(SessionInfo session, String place) {
                add(new Happening.Published(session.imageName(), peer(session)));
            }

            @Override
            public void suspended(SessionInfo session, String reason) {
                add(new Happening.Suspended(session.imageName(), peer(session), reason));
            }

            @Override
            public void failed(SessionInfo session, String reason) {
                add(new Happening.Failed(session.imageName(), peer(session), reason));
            }

            private static String peer(SessionInfo session) {
                return NetworkTransport.words(session.peer());
            }

            private void add(Happening happening) {
                if (!happenings.offer(happening)) {
                    unprinted.incrementAndGet();
                }
            }
        };
    }

    private void listening(ImageStore images, SocketAddress address) {
        String at = NetworkTransport.words(address);
        output.facts(
                new ListeningFact("listening", at, images.directory().toString()),
                List.of("listening on " + at + ", storing in " + images.directory()));
    }

    private void print(ImageStore images, Happening happening) {
        switch (happening) {
            case Happening.Published published -> published(images, published);
            case Happening.Suspended(var name, var peer, var reason) ->
                    told("interrupted", name, peer, reason);
            case Happening.Failed(var name, var peer, var reason) ->
                    told("failed", name, peer, reason);
        }
    }

    private void published(ImageStore images, Happening.Published happening) {
        HeapAllowance heap = HeapAllowance.ofPart(PART_OF_HEAP);
        try (ImageReader reader = ImageReader.open(images.resolve(happening.name()), heap)) {
            ImageFact fact = fact(reader, happening);
            String missing =
                    fact.complete()
                            ? "complete"
                            : "incomplete, " + fact.missing().size() + " ranges missing";
            output.facts(
                    fact,
                    List.of(
                            "image %s from %s: %s in %s pages, %s, root hash %s"
                                    .formatted(
                                            fact.name(),
                                            fact.peer(),
                                            Units.bytes(fact.bytes()),
                                            Units.count(fact.pages()),
                                            missing,
                                            fact.rootHash())));
        } catch (IOException e) {
            // Removed by someone already, damaged, or too much to be shown: either way the receiver
            // goes on serving
            // others.
            told(
                    "failed",
                    happening.name(),
                    happening.peer(),
                    "it was received, but cannot be shown: " + Failure.describe(e));
        }
    }

    private void told(String event, String name, String peer, String reason) {
        String what = name.isEmpty() ? "an image" : "image " + name;
        String why = reason.isEmpty() ? "no reason given" : reason;
        if (output.isJson()) {
            output.facts(new FailedFact(event, name, peer, why), List.of());
        }
        output.note("stillframe receive: " + event + " " + what + " from " + peer + ": " + why);
    }

    private static ImageFact fact(ImageReader reader, Happening.Published happening) {
        Layout layout = reader.layout();
        return new ImageFact(
                "image",
                happening.name(),
                reader.image().toString(),
                happening.peer(),
                HexFormat.of().formatHex(reader.rootHash()),
                layout.source().pid(),
                layout.pageCount(),
                layout.pageCount() * layout.pageSizeBytes(),
                reader.missing().isEmpty(),
                MissingFact.of(reader.missing()));
    }
}
