package dev.stillframe.agent.cli;

import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.image.Verification;
import dev.stillframe.engine.instant.Missing;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code stillframe verify}. */
@Command(
        name = "verify",
        description = {
            "Check every page of an image against its hash, and all of them against the root hash.",
            "",
            "The exit code is 0 if all is as it was at the instant, 1 if anything is damaged (each"
                    + " damaged page is named with its address), and 3 if nothing is damaged but the"
                    + " image was incomplete from the beginning."
        },
        footer = {
            "",
            "Examples:",
            "  stillframe verify redis.image",
            "  stillframe verify --json redis.image"
        })
final class VerifyCommand implements Callable<Integer> {
    /** More damages than this are counted, not listed. */
    private static final int DAMAGES_SHOWN = 20;

    @Mixin private Output output = new Output();
    @Mixin private Parents parents = new Parents();

    @Parameters(paramLabel = "IMAGE", description = "The image directory.")
    private Path image = Path.of("");

    /** What JSON shows. */
    record Facts(
            String image,
            boolean intact,
            String rootHash,
            long pages,
            long dataPages,
            long damageCount,
            List<String> damages,
            List<MissingFact> missing) {}

    @Override
    public Integer call() throws Exception {
        Verification verification = verify();
        List<String> damages =
                verification.damages().stream().map(Verification.Damage::toString).toList();
        if (!verification.intact()) {
            output.facts(
                    facts(verification, damages, "", List.of()),
                    damageLines(verification, damages));
            output.note(
                    "stillframe verify: %s is damaged, %s times: take another image, or fetch it again"
                            .formatted(image, Units.count(verification.damageCount())));
            return ExitCode.FAILED;
        }
        try (ImageReader reader = ImageReader.open(image, parents.places())) {
            String rootHash = HexFormat.of().formatHex(reader.rootHash());
            Rows rows =
                    new Rows()
                            .add(
                                    "intact",
                                    "%s pages, %s of them stored%s"
                                            .formatted(
                                                    Units.count(verification.pages()),
                                                    Units.count(verification.dataPages()),
                                                    verification.sharedPages() == 0
                                                            ? ""
                                                            : ", "
                                                                    + Units.count(
                                                                            verification
                                                                                    .sharedPages())
                                                                    + " in parents"))
                            .add("root hash", rootHash)
                            .parent(reader)
                            .missing(reader.missing());
            output.facts(facts(verification, damages, rootHash, reader.missing()), rows.lines());
            return ExitCode.of(reader.missing());
        }
    }

    private Verification verify() throws Exception {
        if (!ProgressDisplay.isTerminal()) {
            return ImageVerifier.verify(image, parents.places(), ImageVerifier.Progress.NONE);
        }
        try (ProgressDisplay display = ProgressDisplay.show("verify")) {
            return ImageVerifier.verify(image, parents.places(), display::at);
        }
    }

    private Facts facts(
            Verification verification,
            List<String> damages,
            String rootHash,
            List<Missing> missing) {
        return new Facts(
                image.toString(),
                verification.intact(),
                rootHash,
                verification.pages(),
                verification.dataPages(),
                verification.damageCount(),
                damages,
                MissingFact.of(missing));
    }

    private static List<String> damageLines(Verification verification, List<String> damages) {
        Rows rows = new Rows();
        damages.stream().limit(DAMAGES_SHOWN).forEach(damage -> rows.add("damaged", damage));
        long more = verification.damageCount() - DAMAGES_SHOWN;
        if (more > 0) {
            rows.add("", Units.count(more) + " more");
        }
        return rows.lines();
    }
}
