package dev.stillframe.agent.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code stillframe remove}. */
@Command(
        name = "remove",
        description = "Remove images from a store, finished or not, by the names that list shows.",
        footer = {
            "",
            "Examples:",
            "  stillframe remove --store /data/images redis-monday",
            "  stillframe remove --store /data/images redis-monday.partial-0badcafe"
        })
final class RemoveCommand implements Callable<Integer> {
    @Mixin private Output output = new Output();

    @Mixin private ExistingStore store = new ExistingStore();

    @Option(
            names = "--force",
            description =
                    "Remove an image also if others share pages with it; they cannot be read then.")
    private boolean force;

    @Parameters(arity = "1..*", paramLabel = "NAME", description = "Names of images.")
    private List<String> names = List.of();

    /** What JSON shows. */
    record Facts(List<String> removed) {}

    @Override
    public Integer call() throws Exception {
        var images = store.open();
        List<String> removed = new ArrayList<>();
        for (String name : names) {
            if (force) {
                images.removeAlone(name);
            } else {
                images.remove(name);
            }
            removed.add(name);
        }
        output.facts(new Facts(removed), removed.stream().map(name -> "removed " + name).toList());
        return ExitCode.DONE;
    }
}
