package dev.stillframe.agent.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stillframe show}. */
@Command(
        name = "show",
        description = {
            "Show what an image is of: the process, the instant, its threads and mappings, and what"
                    + " is missing.",
            "",
            "Pages are not read; use verify to check them."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe show redis.image",
            "  stillframe show --regions redis.image",
            "  stillframe show --missing redis.image",
            "  stillframe show --json redis.image | jq .root_hash"
        })
final class ShowCommand implements Callable<Integer> {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    @Mixin private Output output = new Output();

    @Option(
            names = "--regions",
            description = "Also list the mappings and threads (JSON always has them).")
    private boolean regions;

    @Option(
            names = "--missing",
            description = "Also list every range that is missing (JSON always has them).")
    private boolean missing;

    @Parameters(paramLabel = "IMAGE", description = "The image directory.")
    private Path image = Path.of("");

    /** What JSON shows. */
    record Facts(
            String image,
            String rootHash,
            String instant,
            @JsonUnwrapped ProcessFacts process,
            @JsonUnwrapped HostFacts host,
            @JsonUnwrapped Sizes sizes,
            boolean complete,
            List<ThreadFact> threads,
            List<RegionFact> regions,
            List<MissingFact> missing) {}

    /** What was captured. */
    record ProcessFacts(
            int pid,
            int userId,
            String command,
            List<String> arguments,
            String executable,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable String hypervisor) {}

    /** Where it ran. */
    record HostFacts(String host, String machine, String kernel) {}

    /** How much it holds. */
    record Sizes(int pageSizeBytes, long pages, long mappedBytes) {}

    /** A thread in JSON. */
    record ThreadFact(int tid, String name) {}

    /** A mapping in JSON. */
    record RegionFact(String range, String protection, String kind, String name, long pages) {}

    @Override
    public Integer call() throws Exception {
        try (ImageReader reader = ImageReader.open(image)) {
            Facts facts = facts(reader);
            output.facts(facts, lines(facts, reader));
        }
        return ExitCode.DONE;
    }

    private static Facts facts(ImageReader reader) {
        Layout layout = reader.layout();
        return new Facts(
                reader.image().toString(),
                HexFormat.of().formatHex(reader.rootHash()),
                instant(layout).toString(),
                process(layout),
                new HostFacts(
                        layout.source().host(),
                        layout.source().machine(),
                        layout.source().kernel()),
                new Sizes(
                        layout.pageSizeBytes(),
                        layout.pageCount(),
                        layout.regions().stream()
                                .mapToLong(region -> region.range().sizeBytes())
                                .sum()),
                reader.missing().isEmpty(),
                layout.threads().stream().map(ShowCommand::fact).toList(),
                layout.regions().stream().map(ShowCommand::fact).toList(),
                MissingFact.of(reader.missing()));
    }

    private static ProcessFacts process(Layout layout) {
        Source source = layout.source();
        return new ProcessFacts(
                source.pid(),
                source.userId(),
                source.command(),
                source.arguments(),
                source.executable(),
                layout.machine() == null ? null : layout.machine().hypervisor());
    }

    private List<String> lines(Facts facts, ImageReader reader) throws IOException {
        Rows rows =
                new Rows()
                        .add("image", facts.image())
                        .add("root hash", facts.rootHash())
                        .parent(reader)
                        .add("instant", facts.instant())
                        .add("says it is", Origin.of(reader.layout()))
                        .add("command line", String.join(" ", facts.process().arguments()))
                        .add("kernel", facts.host().kernel() + " " + facts.host().machine())
                        .add("threads", Units.count(facts.threads().size()))
                        .add(
                                "mappings",
                                Units.count(facts.regions().size())
                                        + ", "
                                        + Units.bytes(facts.sizes().mappedBytes()))
                        .add(
                                "memory",
                                "%s in %s pages"
                                        .formatted(
                                                Units.bytes(
                                                        facts.sizes().pages()
                                                                * facts.sizes().pageSizeBytes()),
                                                Units.count(facts.sizes().pages())))
                        .missing(reader.missing());
        List<String> lines = new ArrayList<>(rows.lines());
        if (regions) {
            lines.add("");
            lines.addAll(details(facts));
        }
        if (missing) {
            lines.add("");
            Missing.once(reader.missing())
                    .forEach(
                            each ->
                                    lines.add(
                                            "missing %-33s  %s"
                                                    .formatted(each.range(), each.reason())));
        }
        return lines;
    }

    private static List<String> details(Facts facts) {
        List<String> lines = new ArrayList<>();
        for (ThreadFact thread : facts.threads()) {
            lines.add("thread %8d  %s".formatted(thread.tid(), thread.name()));
        }
        for (RegionFact region : facts.regions()) {
            lines.add(
                    "%-33s %s %-12s %10s pages  %s"
                            .formatted(
                                    region.range(),
                                    region.protection(),
                                    region.kind(),
                                    Units.count(region.pages()),
                                    region.name()));
        }
        return lines;
    }

    private static Instant instant(Layout layout) {
        long nanos = layout.instantEpochNanos();
        return Instant.ofEpochSecond(
                Math.floorDiv(nanos, NANOS_PER_SECOND), Math.floorMod(nanos, NANOS_PER_SECOND));
    }

    private static ThreadFact fact(ThreadState thread) {
        return new ThreadFact(thread.tid(), thread.name());
    }

    private static RegionFact fact(Region region) {
        long pages = region.extents().stream().mapToLong(extent -> extent.pageCount()).sum();
        return new RegionFact(
                region.range().toString(),
                region.protection(),
                name(region.kind()),
                region.name(),
                pages);
    }

    private static String name(RegionKind kind) {
        return kind.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
