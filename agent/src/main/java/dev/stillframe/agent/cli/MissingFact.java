package dev.stillframe.agent.cli;

import dev.stillframe.engine.instant.Missing;
import java.util.List;

/**
 * A missing range as JSON shows it.
 *
 * @param range hexadecimal addresses, {@code START-END}
 * @param reason why
 */
record MissingFact(String range, String reason) {
    static List<MissingFact> of(List<Missing> missing) {
        return missing.stream()
                .map(each -> new MissingFact(each.range().toString(), each.reason()))
                .toList();
    }
}
