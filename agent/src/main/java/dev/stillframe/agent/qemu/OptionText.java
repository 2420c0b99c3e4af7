package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The value of one of QEMU's options, {@code type,key=value,...} or an object in JSON, taken apart.
 * Immutable. Source: qemu(1), and QEMU's util/qemu-option.c and util/keyval.c: a comma in a value
 * is written twice.
 *
 * @param type what stands before the first comma without a key; empty if nothing does
 * @param properties the rest, in its order; names within names have dots between them
 */
record OptionText(String type, List<Property> properties) {
    private static final JsonMapper JSON = new JsonMapper();

    /** A key with its value; a key that stands alone is {@code on}. */
    record Property(String key, String value) {}

    OptionText {
        properties = List.copyOf(properties);
    }

    /**
     * Takes a value apart.
     *
     * @param typeKey what the type is called in JSON
     * @return null if it is JSON that cannot be read
     */
    static @Nullable OptionText parse(String text, String typeKey) {
        return text.startsWith("{") ? ofJson(text, typeKey) : ofKeys(text);
    }

    /** A name as it has to be written in an option, so that it remains one value. */
    static String quoted(String name) {
        return name.replace(",", ",,");
    }

    /** The value of a key, the last one as with QEMU; null if there is none. */
    @Nullable String value(String key) {
        return properties.stream()
                .filter(property -> property.key().equals(key))
                .map(Property::value)
                .reduce((_, last) -> last)
                .orElse(null);
    }

    /** As one writes it, never in JSON. */
    String text() {
        StringBuilder text = new StringBuilder(quoted(type));
        for (Property property : properties) {
            text.append(text.isEmpty() ? "" : ",")
                    .append(property.key())
                    .append('=')
                    .append(quoted(property.value()));
        }
        return text.toString();
    }

    private static OptionText ofKeys(String text) {
        String type = "";
        List<Property> properties = new ArrayList<>();
        List<String> parts = parts(text);
        for (int i = 0; i < parts.size(); i++) {
            String part = parts.get(i);
            int equals = part.indexOf('=');
            if (equals >= 0) {
                properties.add(new Property(part.substring(0, equals), part.substring(equals + 1)));
            } else if (i == 0) {
                type = part;
            } else if (!part.isEmpty()) {
                properties.add(new Property(part, "on"));
            }
        }
        return new OptionText(type, properties);
    }

    /** What is between single commas, with pairs of them made one. */
    private static List<String> parts(String text) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) != ',') {
                part.append(text.charAt(i));
            } else if (i + 1 < text.length() && text.charAt(i + 1) == ',') {
                part.append(',');
                i++;
            } else {
                parts.add(part.toString());
                part.setLength(0);
            }
        }
        parts.add(part.toString());
        return parts;
    }

    private static @Nullable OptionText ofJson(String text, String typeKey) {
        try {
            JsonNode object = JSON.readTree(text);
            List<Property> properties = new ArrayList<>();
            flatten("", object, properties);
            String type = object.path(typeKey).asText();
            properties.removeIf(property -> property.key().equals(typeKey));
            return new OptionText(type, properties);
        } catch (JsonProcessingException e) {
            return null; // QEMU will say what is wrong with it
        }
    }

    private static void flatten(String key, JsonNode node, List<Property> into) {
        String prefix = key.isEmpty() ? "" : key + ".";
        if (node.isObject()) {
            node.properties()
                    .forEach(entry -> flatten(prefix + entry.getKey(), entry.getValue(), into));
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                flatten(prefix + i, node.get(i), into);
            }
        } else {
            String value = node.isBoolean() ? (node.asBoolean() ? "on" : "off") : node.asText();
            into.add(new Property(key, value));
        }
    }
}
